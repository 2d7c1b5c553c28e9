//! Colours and the words a terminal shows. Every message is understandable without colour.

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use clap::builder::Styles;

/// The word `error`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `warning`.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The word `hint`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// A step that went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something to copy: a command, a path, an address.
pub(crate) const COPY: Style = AnsiColor::Cyan.on_default();
/// A heading.
pub(crate) const HEADING: Style = Style::new().bold();

/// The colours of `--help`.
pub(crate) const HELP: Styles = Styles::styled()
    .header(HEADING)
    .usage(HEADING)
    .literal(COPY)
    .placeholder(Style::new())
    .error(ERROR)
    .valid(GOOD)
    .invalid(ERROR);

/// Settles `--color` for everything written through `anstream`. `auto` asks the terminal and
/// the environment (`NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`).
pub(crate) fn use_colour(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}
