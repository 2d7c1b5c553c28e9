//! What differs between Unix and other systems: permissions of files, and groups of processes.

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
        pub(crate) use unix::*;
    } else {
        mod other;
        pub(crate) use other::*;
    }
}
