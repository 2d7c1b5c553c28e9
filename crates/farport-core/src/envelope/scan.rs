//! One pass over a body, before any parser, that bounds what parsing it can cost.

use memchr::memchr2_iter;

use crate::RpcError;

/// What a member takes at least: `"":0`.
const SHORTEST_MEMBER: usize = 4;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 100;

/// The most object members, over all objects of a body, that are read.
pub const MAX_MEMBERS: usize = 65_536;

/// Refuses a body that nests too deep or has too many members.
///
/// The scan knows strings and escapes; it does not check the JSON, which the parser does next.
pub(super) fn check(body: &[u8]) -> Result<(), RpcError> {
    // Counting is quicker than following the structure, and settles nearly every body.
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
