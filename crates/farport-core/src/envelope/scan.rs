//! A scan that bounds the cost of parsing a body.

use memchr::memchr2_iter;

use crate::RpcError;

/// The length of the shortest member, `"":0`, in bytes.
const SHORTEST_MEMBER: usize = 4;

/// The maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 100;

/// The maximum number of object members in a body, over all objects.
pub const MAX_MEMBERS: usize = 65_536;

/// Rejects a body that nests too deeply or has too many members.
///
/// The scan recognizes strings and escapes. It does not validate the JSON, which the parser does next.
pub(super) fn check(body: &[u8]) -> Result<(), RpcError> {
    // A count is faster than a scan of the structure, and is enough for nearly every body.
    let few_members = body.len() / SHORTEST_MEMBER <= MAX_MEMBERS;
    if few_members && memchr2_iter(b'[', b'{', body).take(MAX_DEPTH + 1).count() <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut members) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(RpcError::parse("The body nests too deeply"));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b':' => {
                members += 1;
                if members > MAX_MEMBERS {
                    return Err(RpcError::parse("The body has too many members"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
