//! The terminal sessions in `docs/images`, drawn from what the `farport` command really prints.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::{self, BUILD, Child};
use crate::project;
use crate::steps::Outcome;

/// Width and height of a character, and the space around the text.
const CELL: (usize, usize) = (9, 21);
const MARGIN: usize = 20;

struct Palette {
    name: &'static str,
    background: &'static str,
    text: &'static str,
    dim: &'static str,
    green: &'static str,
    cyan: &'static str,
}

const PALETTES: [Palette; 2] = [
    Palette {
        name: "light",
        background: "#f6f8fa",
        text: "#1f2328",
        dim: "#59636e",
        green: "#116329",
        cyan: "#0550ae",
    },
    Palette {
        name: "dark",
        background: "#151b23",
        text: "#e6edf3",
        dim: "#9198a1",
        green: "#56d364",
        cyan: "#79c0ff",
    },
];

/// Runs the session, and writes one picture for each color scheme.
pub(super) fn run() -> Result<Outcome> {
    let home = tempfile::tempdir()?;
    let farport = program()?;
    let command = |words: &[&str]| {
        let mut command = Command::new(&farport);
        command.args(["--color", "always"]).args(words);
        command.current_dir(home.path()).env("HOME", home.path());
        command
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("FARPORT_PORT");
        command
    };
    let mut lines = Vec::new();

    prompt(&mut lines, "farport new weather");
    let text = process::output(&mut command(&["new", "weather", "--registry-deps"]))?;
    lines.extend(text.lines().take(1).map(str::to_owned));

    prompt(&mut lines, "farport demo");
    let mut demo = Child::spawn(command(&["demo"]).stdout(Stdio::piped()))?;
    let output = demo.stdout().context("a piped standard output")?;
    // Kept open: the demo ends when it cannot write.
    let mut served = BufReader::new(output).lines();
    lines.extend(served.by_ref().take(2).collect::<Result<Vec<_>, _>>()?);

    let call = ["call", "http://localhost:8787/mcp", "add", "a=2", "b=3"];
    prompt(&mut lines, &format!("farport {}", call.join(" ")));
    let text = process::output(&mut command(&call))?;
    lines.extend(text.lines().map(str::to_owned));

    // Claude Code is installed.
    fs::write(home.path().join(".claude.json"), "{}\n")?;
    let add = [
        "add",
        "claude-code",
        "calculator",
        "http://localhost:8787/mcp",
    ];
    prompt(&mut lines, &format!("farport {}", add.join(" ")));
    let output = command(&add).stderr(Stdio::piped()).output()?;
    let home = home.path().to_string_lossy().into_owned();
    for text in [output.stdout, output.stderr] {
        let text = String::from_utf8_lossy(&text).replace(&home, "~");
        lines.extend(
            text.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
    }

    let folder = project::root().join("docs/images");
    fs::create_dir_all(&folder)?;
    for palette in &PALETTES {
        let file = folder.join(format!("terminal-{}.svg", palette.name));
        fs::write(file, drawn(&lines, palette))?;
    }
    Outcome::passed("docs/images/terminal-light.svg and terminal-dark.svg")
}

/// The command to record: what `FARPORT` names, else a fresh build.
fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("FARPORT") {
        return Ok(Path::new(&named).canonicalize()?);
    }
    process::run(
        project::cargo().args(["build", "--package", "farport-cli"]),
        BUILD,
    )?;
    Ok(project::target().join("debug/farport"))
}

fn prompt(lines: &mut Vec<String>, command: &str) {
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(format!("\u{1b}[2m$\u{1b}[0m \u{1b}[1m{command}\u{1b}[0m"));
}

fn drawn(lines: &[String], palette: &Palette) -> String {
    let mut style = Style::default();
    let lines: Vec<_> = lines.iter().map(|line| style.spans(line)).collect();
    let columns = |line: &Vec<(String, Style)>| {
        let texts = line.iter().map(|(text, _)| text.chars().count());
        texts.sum::<usize>()
    };
    let columns = lines.iter().map(columns).max().unwrap_or_default();
    let (width, height) = (
        columns * CELL.0 + 2 * MARGIN,
        lines.len() * CELL.1 + 2 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"ui-monospace, SFMono-Regular, Menlo, \
         Consolas, monospace\" font-size=\"15\">\n<rect width=\"{width}\" height=\"{height}\" \
         rx=\"8\" fill=\"{}\"/>\n",
        palette.background
    );
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + row * CELL.1 + 15;
        let mut spans = String::new();
        for (text, style) in line {
            let color = style.color(palette);
            let weight = if style.bold {
                " font-weight=\"600\""
            } else {
                ""
            };
            // Writing to a `String` cannot fail.
            let _ = write!(
                spans,
                "<tspan fill=\"{color}\"{weight}>{}</tspan>",
                escaped(text)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{spans}</text>"
        );
    }
    svg + "</svg>\n"
}

/// What the escape sequences so far have turned on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    dim: bool,
    code: u8,
}

impl Style {
    fn color(self, palette: &Palette) -> &'static str {
        match self.code {
            _ if self.dim => palette.dim,
            32 => palette.green,
            36 => palette.cyan,
            _ => palette.text,
        }
    }

    /// The parts of a line, each with its style. The style at the end holds for the next line.
    fn spans(&mut self, line: &str) -> Vec<(String, Self)> {
        let mut spans = Vec::new();
        let mut parts = line.split("\u{1b}[");
        spans.push((parts.next().unwrap_or_default().to_owned(), *self));
        for part in parts {
            let (code, text) = part.split_once('m').unwrap_or(("", part));
            match code.parse() {
                Ok(0) => *self = Self::default(),
                Ok(1) => self.bold = true,
                Ok(2) => self.dim = true,
                Ok(code) => self.code = code,
                Err(_) => {}
            }
            spans.push((text.to_owned(), *self));
        }
        spans.retain(|(text, _)| !text.is_empty());
        spans
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_holds_until_it_is_reset() {
        let mut style = Style::default();
        let green = Style {
            bold: true,
            dim: false,
            code: 32,
        };
        let spans = style.spans("a\u{1b}[1m\u{1b}[32mb");
        assert_eq!(
            spans,
            [("a".to_owned(), Style::default()), ("b".to_owned(), green)]
        );
        let spans = style.spans("c\u{1b}[0md");
        assert_eq!(
            spans,
            [("c".to_owned(), green), ("d".to_owned(), Style::default())]
        );
    }
}
