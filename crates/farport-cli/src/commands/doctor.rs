//! `farport doctor` and `farport test`: a server checked against the rules.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use farport_client::check::{CheckOptions, Report, Selection, check, check_process};
use farport_client::{Browser, Store, Target, User};

use crate::error::Error;
use crate::file_error::FileError;
use crate::mcp::check_args::{CheckArgs, DoctorArgs, TestArgs};
use crate::mcp::findings::{self, Group, junit, sarif};
use crate::mcp::{self, open, output, saved_calls};
use crate::remote::MessageWriter;
use crate::terminal::{GOOD, PlainLines, shown_url};

/// Checks a server, and prints what is wrong with it.
pub(crate) fn doctor(args: DoctorArgs) -> Result<(), Error> {
    let Some(done) = run(args.check)? else {
        return Ok(());
    };
    done.finish()
}

/// Checks a server, and writes reports for CI.
pub(crate) fn test(args: TestArgs) -> Result<(), Error> {
    let Some(done) = run(args.check)? else {
        return Ok(());
    };
    if let Some(path) = &args.junit {
        write(path, &junit::xml(&done.server, &done.report, done.strict))?;
    }
    if let Some(path) = &args.sarif {
        let log = sarif::log(&done.server, &done.groups);
        write(path, &mcp::content::pretty(&log))?;
    }
    done.finish()
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let written = std::fs::write(path, text).map_err(FileError::of("write", path));
    Ok(written.map_err(mcp::Error::File)?)
}

/// A finished check.
struct Done {
    /// Its URL, or its program without the arguments, which may hold secrets.
    server: String,
    report: Report,
    groups: Vec<Group>,
    strict: bool,
}

impl Done {
    fn finish(self) -> Result<(), Error> {
        if let Some(error) = self.report.stopped {
            return Err(mcp::Error::Client(error).into());
        }
        let counts = findings::counts(&self.report, &self.groups);
        if counts.errors > 0 || self.strict && counts.warnings > 0 {
            return Err(mcp::Error::Findings {
                errors: counts.errors,
                warnings: counts.warnings,
            }
            .into());
        }
        Ok(())
    }
}

/// Checks the server, and prints the report. `None` when only the rules were printed.
fn run(args: CheckArgs) -> Result<Option<Done>, Error> {
    if args.rules {
        if args.json {
            output::json(&findings::rules_json())?
        } else {
            output::text(&findings::rules_text())?
        }
        return Ok(None);
    }
    let selection = Selection::new(&args.only, &args.skip);
    let mut settings = CheckOptions::default();
    settings.selection = selection.map_err(mcp::Error::NoSuchRule)?;
    settings.revisions = args.connection.revisions();
    if args.connection.timeout > 0 {
        settings.timeout = Duration::from_secs(args.connection.timeout);
    }
    if let Some(path) = &args.calls {
        let calls = saved_calls::read(path)?.into_iter();
        settings.calls = calls.map(|call| (call.tool, call.arguments)).collect();
    }
    let invocation = open::invocation(args.words, &args.connection)?;
    let target = invocation.target;
    let on_terminal = std::io::stderr().is_terminal();
    if on_terminal {
        settings.progress = Some(Box::new(|checked| {
            let revision = checked.revision.as_deref().unwrap_or("server");
            eprint!("\r\u{1b}[K{revision} {}", checked.rule);
        }));
    }
    crate::remote::log_to_stderr(&args.connection.messages)?;
    let server = match &target {
        Target::Http(options) => shown_url(options.url().as_str()),
        Target::Process(command) => command.program().to_string_lossy().into_owned(),
        _ => String::new(),
    };
    let report = run_check(&target, &args.connection, &settings);
    if on_terminal {
        eprint!("\r\u{1b}[K");
    }
    let report = report?;
    let groups = findings::groups(&report);
    if args.json {
        output::json(&findings::json(&server, &report, &groups))?;
    } else {
        print(&report, &groups)?;
    }
    Ok(Some(Done {
        server,
        report,
        groups,
        strict: args.strict,
    }))
}

fn run_check(
    target: &Target,
    args: &mcp::args::ConnectionArgs,
    settings: &CheckOptions,
) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let store = Store::of_user().map_err(mcp::Error::Client)?;
    let store = store.with_keyring(args.keyring);
    let user = User::new(MessageWriter::new(&args.messages), Browser);
    let checking = async {
        match target {
            Target::Process(command) => Ok(check_process(command, settings).await),
            Target::Http(options) => check(options, store, user, settings)
                .await
                .map_err(mcp::Error::Client),
            _ => Err(mcp::Error::Usage(
                "this command cannot check such a server".to_owned(),
            )),
        }
    };
    let report = runtime.block_on(async {
        tokio::select! {
            report = Box::pin(checking) => report,
            _ = tokio::signal::ctrl_c() => Err(mcp::Error::Interrupted),
        }
    });
    runtime.shutdown_background();
    Ok(report?)
}

fn print(report: &Report, groups: &[Group]) -> Result<(), Error> {
    if !groups.is_empty() {
        output::text(&findings::text(groups))?;
    }
    let summary = findings::summary(report, groups);
    let checked = findings::counts(report, groups).kept > 0;
    if groups.is_empty() && report.stopped.is_none() && !checked {
        output::note(&format!("nothing was checked: {summary}"));
    } else if groups.is_empty() && report.stopped.is_none() {
        anstream::eprintln!("{GOOD}no findings{GOOD:#}: {}", PlainLines(summary));
    } else {
        anstream::eprintln!("{}", PlainLines(summary));
    }
    Ok(())
}
