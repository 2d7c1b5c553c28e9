//! The appearance of the pages.

use bytes::Bytes;

/// The appearance of the sign-in pages.
///
/// ```
/// use farport_http::{Color, Theme};
///
/// # fn main() -> Result<(), farport_http::NotAColor> {
/// let theme = Theme {
///     name: Some("Weather".to_owned()),
///     color: Some(Color::parse("#0b57d0")?),
///     ..Theme::default()
/// };
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Theme {
    /// The server's name. Default: its host.
    pub name: Option<String>,
    /// The server's logo. Default: the initial of its name.
    pub logo: Option<Logo>,
    /// The color of buttons and links. Default: green.
    pub color: Option<Color>,
}

/// An image for the pages.
///
/// ```
/// use farport_http::Logo;
/// use http::HeaderValue;
///
/// let logo = Logo {
///     media_type: HeaderValue::from_static("image/svg+xml"),
///     bytes: bytes::Bytes::from_static(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Logo {
    /// The media type, for example `image/svg+xml` or `image/png`.
    pub media_type: http::HeaderValue,
    /// The content of the image file.
    pub bytes: Bytes,
}

/// A CSS color: a name or hexadecimal digits.
///
/// ```
/// use farport_http::Color;
///
/// assert!(Color::parse("#0b57d0").is_ok());
/// assert!(Color::parse("red; background: url(x)").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Color(String);

/// The error for a text that is not a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid color: use a name, or # and 3, 4, 6 or 8 hexadecimal digits")]
pub struct NotAColor;

impl Color {
    /// Parses a color name, or `#` and 3, 4, 6 or 8 hexadecimal digits. The text goes into a style sheet
    /// unchanged, so nothing else is accepted.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, NotAColor> {
        let fits = match text.strip_prefix('#') {
            Some(digits) => {
                matches!(digits.len(), 3 | 4 | 6 | 8)
                    && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()),
        };
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAColor)
        }
    }

    /// Returns the color of text on this color: dark on a light one. A named color counts as dark.
    fn ink(&self) -> &'static str {
        let digits = self.0.strip_prefix('#').unwrap_or_default();
        let width = if digits.len() < 6 { 1 } else { 2 };
        let channel = |index: usize| {
            let digits = digits.get(index * width..(index + 1) * width)?;
            let value = u32::from_str_radix(digits, 16).ok()?;
            Some(if width == 1 { value * 17 } else { value })
        };
        match (channel(0), channel(1), channel(2)) {
            (Some(red), Some(green), Some(blue))
                if red * 299 + green * 587 + blue * 114 > 150_000 =>
            {
                "#14201b"
            }
            _ => "#fff",
        }
    }
}

impl Theme {
    /// Returns the style sheet of all pages.
    pub(crate) fn style_sheet(&self) -> String {
        let accent = self.color.as_ref().map_or("#1f6f54", |color| &color.0);
        let on_accent = self.color.as_ref().map_or("#fff", Color::ink);
        format!(
            ":root{{--accent:{accent};--on-accent:{on_accent}}}\n{}",
            include_str!("pages.css")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_a_light_color_is_dark() {
        for (color, dark) in [
            ("#fff", true),
            ("#ffe08a", true),
            ("#ffe08aff", true),
            ("#000", false),
            ("#0b57d0", false),
            ("#1f6f54", false),
            ("teal", false),
        ] {
            let ink = Color::parse(color).unwrap().ink();
            assert_eq!(ink != "#fff", dark, "{color}");
        }
    }

    #[test]
    fn a_color_cannot_inject_css() {
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
