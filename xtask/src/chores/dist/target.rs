//! The platforms of a release, and how each kind of package names them.

/// A platform.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) triple: &'static str,
    /// `os` and `cpu` of npm.
    pub(super) npm: (&'static str, &'static str),
    /// The platform tags of a wheel. A static program needs no libc, so it is for glibc and musl.
    pub(super) wheel: &'static str,
    /// The architecture of Debian, and the one of an image: both are for Linux only.
    pub(super) linux: Option<Linux>,
    /// What `uname -s` and `uname -m` print, as a pattern of a shell's `case`.
    pub(super) uname: Option<&'static str>,
    /// The block of a Homebrew formula.
    pub(super) brew: Option<(&'static str, &'static str)>,
}

/// The names of an architecture on Linux.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Linux {
    pub(super) deb: &'static str,
    pub(super) image: &'static str,
}

pub(super) const TARGETS: [Target; 5] = [
    Target {
        triple: "x86_64-unknown-linux-musl",
        npm: ("linux", "x64"),
        wheel: "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
        linux: Some(Linux {
            deb: "amd64",
            image: "amd64",
        }),
        uname: Some("Linux-x86_64"),
        brew: Some(("on_linux", "on_intel")),
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        npm: ("linux", "arm64"),
        wheel: "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        linux: Some(Linux {
            deb: "arm64",
            image: "arm64",
        }),
        uname: Some("Linux-aarch64 | Linux-arm64"),
        brew: Some(("on_linux", "on_arm")),
    },
    Target {
        triple: "x86_64-pc-windows-gnu",
        npm: ("win32", "x64"),
        wheel: "win_amd64",
        linux: None,
        uname: None,
        brew: None,
    },
    Target {
        triple: "x86_64-apple-darwin",
        npm: ("darwin", "x64"),
        wheel: "macosx_10_12_x86_64",
        linux: None,
        uname: Some("Darwin-x86_64"),
        brew: Some(("on_macos", "on_intel")),
    },
    Target {
        triple: "aarch64-apple-darwin",
        npm: ("darwin", "arm64"),
        wheel: "macosx_11_0_arm64",
        linux: None,
        uname: Some("Darwin-arm64"),
        brew: Some(("on_macos", "on_arm")),
    },
];

impl Target {
    pub(super) fn is_windows(&self) -> bool {
        self.npm.0 == "win32"
    }

    pub(super) fn is_macos(&self) -> bool {
        self.npm.0 == "darwin"
    }

    /// The file name of the program.
    pub(super) fn program(&self) -> &'static str {
        if self.is_windows() {
            "farport.exe"
        } else {
            "farport"
        }
    }

    /// Whether this machine runs the program.
    pub(super) fn runs_here(&self) -> bool {
        self.triple.starts_with(std::env::consts::ARCH)
            && match std::env::consts::OS {
                "macos" => self.is_macos(),
                "windows" => self.is_windows(),
                os => os == self.npm.0,
            }
    }
}

/// Finds a target by its triple.
pub(super) fn parse(triple: &str) -> Result<&'static Target, String> {
    let found = TARGETS.iter().find(|target| target.triple == triple);
    found.ok_or_else(|| {
        let known: Vec<_> = TARGETS.iter().map(|target| target.triple).collect();
        format!("not one of {}", known.join(", "))
    })
}

/// This platform.
pub(super) fn host() -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.runs_here())
}

/// The platforms that this machine builds for: zig has all but Apple's libraries.
pub(super) fn buildable() -> Vec<&'static Target> {
    let on_macos = cfg!(target_os = "macos");
    let builds = |target: &&Target| target.is_macos() == on_macos;
    TARGETS.iter().filter(builds).collect()
}
