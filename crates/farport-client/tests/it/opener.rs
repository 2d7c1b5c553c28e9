//! URLs of untrusted servers, as arguments of a program (CVE-2025-6514).

use farport_client::{Url, command};

#[test]
fn two_hundred_addresses_are_one_harmless_argument_each_or_none() {
    let schemes = [
        "http",
        "https",
        "file",
        "javascript",
        "data",
        "vbscript",
        "ms-msdt",
        "smb",
        "mailto",
        "ftp",
    ];
    let tails = [
        "a.example/authorize",
        "a.example/$(calc.exe)",
        "a.example/`id`",
        "a.example/;reboot",
        "a.example/|sh",
        "a.example/&&id",
        "a.example/?x=\"'&y=%00",
        "a.example/ -flag",
        "a.example/\\..\\..\\x",
        "a.example/<script>",
        "a.example/%0d%0aX:y",
        "a.example/^caret%PATH%",
        "a.example/{a,b}*?",
        "a.example/#!bang",
        "user:pw@a.example/",
        "a.example:1/\u{202e}x",
        "[::1]:9/a b",
        "a.example/~(x)",
        "a.example/%USERPROFILE%",
        "a.example/\t\nx",
    ];
    // Without a desktop nothing is opened, which the unit tests of the argument make up for.
    let desktop = std::env::var_os("DISPLAY").is_some() || !cfg!(target_os = "linux");
    let mut tried = 0;
    for scheme in schemes {
        for tail in tails {
            tried += 1;
            let text = format!("{scheme}://{tail}");
            let Ok(url) = Url::parse(&text) else { continue };
            let Ok((program, args)) = command(&url) else {
                let web = matches!(scheme, "http" | "https") && !tail.starts_with("user");
                assert!(!web || !desktop, "{text}");
                continue;
            };
            assert!(matches!(scheme, "http" | "https"), "{text}");
            assert!(!program.to_string_lossy().contains("cmd"), "{text}");
            let address = args.last().unwrap().to_str().unwrap();
            assert_eq!(args.len(), if cfg!(windows) { 2 } else { 1 }, "{text}");
            assert!(address.starts_with("http://") || address.starts_with("https://"));
            for c in address.chars() {
                let harmless = c.is_ascii_alphanumeric() || "-._~:/?#[]@&=+,%".contains(c);
                assert!(harmless, "{c:?} of {text}");
            }
        }
    }
    assert_eq!(tried, 200);
}
