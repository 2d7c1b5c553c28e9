//! `cargo xtask dist`: what a release ships, in target/dist.
//!
//! [`build`] compiles one program for each [`target`]. From the programs, each further module makes one form
//! of package. Files are sorted, and their times are that of the commit.

mod archive;
mod build;
mod check;
mod deb;
mod image;
mod npm;
mod release;
mod sbom;
mod scripts;
mod target;
mod wheel;

use anyhow::{Result, ensure};

use crate::steps::{Outcome, Steps};
use release::Release;
use target::Target;

/// Builds the program for every platform, and from it archives, packages, installers and an image.
///
/// Installs zig and cargo-zigbuild under target/, and the standard libraries of the targets with rustup.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Target to build for; can be repeated [default: every target that this machine builds for]
    #[arg(long = "target", value_name = "TRIPLE", value_parser = target::parse)]
    targets: Vec<&'static Target>,
    /// Cargo profile of the program; `dev` makes packages to try out, quickly
    #[arg(long, value_name = "NAME", default_value = "dist")]
    profile: String,
    /// Only build the programs, to target/dist/bin
    #[arg(long, conflicts_with = "pack")]
    build: bool,
    /// Only make packages from the programs in target/dist/bin
    #[arg(long)]
    pack: bool,
    /// Install and run the packages that were made: npm, wheel, .deb, image, installer
    #[arg(long)]
    test: bool,
    /// Make and test the packages of this platform, with a program that is not optimized
    #[arg(long, conflicts_with_all = ["targets", "profile", "build", "pack"])]
    trial: bool,
}

impl Args {
    /// Makes and tests the packages of this platform.
    pub(crate) fn trial() -> Self {
        Self {
            trial: true,
            ..Self::default()
        }
    }
}

/// Builds, packs and tests.
///
/// # Errors
/// When a step failed.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let mut steps = Steps::default();
    if !args.pack {
        let (targets, profile) = match &args.targets[..] {
            _ if args.trial => (target::host().into_iter().collect(), "dev"),
            [] => (target::buildable(), &args.profile[..]),
            chosen => (chosen.to_vec(), &args.profile[..]),
        };
        ensure!(!targets.is_empty(), "this machine builds for no target");
        steps.step("programs", "cargo xtask dist --build", || {
            build::run(&targets, profile)
        });
    }
    if !args.build {
        steps.step("packages", "cargo xtask dist --pack", || {
            Release::gather()?.pack()
        });
    }
    if args.test || args.trial {
        check::run(&mut steps)?;
    }
    steps.finish()
}
