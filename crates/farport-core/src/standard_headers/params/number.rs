//! JSON numbers of any size, compared without rounding.

/// A number in normal form: its digits without leading and trailing zeros, and a power of ten to
/// multiply them by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// Empty for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Number {
    /// Parses a JSON number (RFC 8259, section 6). Returns `None` for other text, and for an exponent
    /// that does not fit `i64`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (mantissa, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leads_with_zero || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let kept = digits.iter().rposition(|digit| *digit != b'0');
        let Some(kept) = kept else {
            // Zero has one normal form, whatever its sign and exponent.
            return Some(Self {
                negative: false,
                digits: Vec::new(),
                exponent: 0,
            });
        };
        exponent = exponent.checked_add(i64::try_from(digits.len() - 1 - kept).ok()?)?;
        digits.truncate(kept + 1);
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        Some(Self {
            negative,
            digits,
            exponent,
        })
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size: i64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_equal_when_their_values_are() {
        let huge = "9".repeat(400);
        let huge_scaled = format!("{huge}.000e0");
        for (one, other, expect) in [
            ("42", "42", true),
            ("42", "42.0", true),
            ("1000", "1e3", true),
            ("1000", "1E+3", true),
            ("1000", "10000e-1", true),
            ("0", "-0", true),
            ("0", "0.000", true),
            ("0", "0e99", true),
            ("-1", "-1.0", true),
            ("-1", "1", false),
            ("0.1", "1e-1", true),
            ("0.10", "0.1", true),
            ("10", "1", false),
            ("9007199254740993", "9007199254740993", true),
            ("9007199254740993", "9007199254740993.0", true),
            ("9007199254740993", "9007199254740992", false),
            ("9007199254740993", "9.007199254740993e15", true),
            ("18446744073709551616", "18446744073709551617", false),
            (&huge, &huge_scaled, true),
            (&huge, "1e400", false),
            ("1e400", "1e401", false),
            ("1e400", "10e399", true),
        ] {
            let (one, other) = (Number::read(one).unwrap(), Number::read(other).unwrap());
            assert_eq!(one == other, expect, "{one:?} {other:?}");
        }
    }

    #[test]
    fn only_json_numbers_parse() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".1",
            "1.e1",
            "1e",
            "1e+",
            "1e1.0",
            "0x1",
            "1_000",
            " 1",
            "1 ",
            "inf",
            "NaN",
            "1,000",
            "--1",
            "1e99999999999999999999",
        ] {
            assert_eq!(Number::read(text), None, "{text:?}");
        }
    }
}
