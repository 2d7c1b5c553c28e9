//! What differs between operating systems.

cfg_if::cfg_if! {
    if #[cfg(unix)] {
        mod unix;
        pub use unix::shutdown_signal;
    } else {
        mod windows;
        pub use windows::shutdown_signal;
    }
}

// The other systems do not report it.
cfg_if::cfg_if! {
    if #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))] {
        mod stall;
        pub(super) use stall::limit_stalls;
    } else {
        mod no_stall;
        pub(super) use no_stall::limit_stalls;
    }
}
