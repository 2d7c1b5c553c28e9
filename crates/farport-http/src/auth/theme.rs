//! How the pages look.

use bytes::Bytes;

/// What of the pages is the server's own.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    /// What the server is called. "This server", unless set.
    pub name: Option<String>,
    /// Its logo.
    pub logo: Option<Logo>,
    /// The colour of what can be pressed, as CSS writes colours: `#0b57d0`.
    pub color: Option<Color>,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Logo {
    /// Its media type: `image/svg+xml`, `image/png`.
    pub media_type: http::HeaderValue,
    /// The picture.
    pub bytes: Bytes,
}

/// A colour that is nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Color(String);

/// A text is not a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a colour is a name, or # and 3, 4, 6 or 8 hexadecimal digits")]
pub struct NotAColor;

impl Color {
    /// The colour of this name, or of these digits.
    ///
    /// # Errors
    /// When it is neither, since it goes into a style sheet as it is.
    pub fn parse(text: &str) -> Result<Self, NotAColor> {
        let fits = match text.strip_prefix('#') {
            Some(digits) => {
                matches!(digits.len(), 3 | 4 | 6 | 8)
                    && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()),
        };
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAColor),
        }
    }
}

impl Theme {
    pub(super) fn title(&self) -> &str {
        self.name.as_deref().unwrap_or("This server")
    }

    /// The same within a sentence.
    pub(super) fn mention(&self) -> &str {
        self.name.as_deref().unwrap_or("this server")
    }

    /// The style sheet of all pages.
    pub(super) fn style_sheet(&self) -> String {
        let accent = self.color.as_ref().map_or("#1f6f54", |color| &color.0);
        format!(":root{{--accent:{accent}}}\n{}", include_str!("pages.css"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_brings_no_other_style_along() {
        for (text, expect) in [
            ("#fff", true),
            ("#0b57d0", true),
            ("#0b57d0ff", true),
            ("teal", true),
            ("", false),
            ("#", false),
            ("#ggg", false),
            ("#12345", false),
            ("red;}body{display:none", false),
            ("url(https://evil.example)", false),
        ] {
            assert_eq!(Color::parse(text).is_ok(), expect, "{text:?}");
        }
    }
}
