//! What differs between Unix and other systems: permissions, links and paths of files, and processes.

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
        pub(crate) use unix::*;
    } else {
        mod other;
        pub(crate) use other::*;
    }
}
