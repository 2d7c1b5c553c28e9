//! Permissions and folders, which Unix has and other systems do not.

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
        pub(super) use unix::*;
    } else {
        mod other;
        pub(super) use other::*;
    }
}
