//! An OCI image with nothing but the program and the certificates of public authorities: as a layout in a
//! folder, and as one tar archive that `docker load` and `podman load` read.

use std::fs;
use std::io::Write as _;

use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::archive::{Files, gzip, sha256};
use super::release::{Binary, Release};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The user of the process: any but root.
const USER: &str = "65532:65532";

/// Writes the image, with one variant for each architecture of Linux.
pub(super) fn pack(release: &Release) -> Result<()> {
    let mut layout = Files::default();
    let mut variants = Vec::new();
    for binary in &release.binaries {
        if let Some(linux) = &binary.target.linux {
            variants.push(variant(&mut layout, release, binary, linux.image)?);
        }
    }
    if variants.is_empty() {
        return Ok(());
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": variants});
    let mut entry = blob(&mut layout, INDEX, index.to_string().into_bytes());
    entry["annotations"] = json!({
        "org.opencontainers.image.ref.name": release.version,
        "io.containerd.image.name": format!("docker.io/farport/farport:{}", release.version),
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    layout.file("index.json", index.to_string());
    layout.file(
        "oci-layout",
        json!({"imageLayoutVersion": "1.0.0"}).to_string(),
    );

    let name = format!("farport-{}-image", release.version);
    let folder = release.folder.join(&name);
    for (path, bytes) in layout.iter() {
        let path = folder.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    release.write(&format!("{name}.tar"), &layout.tar(release.epoch, true)?)
}

/// Adds the layer, the configuration and the manifest of an architecture; returns the manifest's entry.
fn variant(
    layout: &mut Files,
    release: &Release,
    binary: &Binary,
    architecture: &str,
) -> Result<Value> {
    let mut root = Files::default();
    root.program("usr/bin/farport", binary.bytes.clone());
    root.file("etc/ssl/certs/ca-certificates.crt", certificates()?);
    root.file(
        "etc/passwd",
        "root:x:0:0:root:/root:/sbin/nologin\nfarport:x:65532:65532:farport:/data:/sbin/nologin\n",
    );
    let tar = writable(root.tar(release.epoch, true)?, release.epoch)?;
    let layer = gzip(&tar)?;
    let created = release.time()?;
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {
            "User": USER,
            "Entrypoint": ["/usr/bin/farport"],
            "Env": ["HOME=/data", "PATH=/usr/bin"],
            "WorkingDir": "/data",
            "Labels": {
                "org.opencontainers.image.source": release.repository,
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&tar))]},
        "history": [{"created": created, "created_by": "cargo xtask dist"}],
    });
    let config = blob(layout, CONFIG, config.to_string().into_bytes());
    let layer = blob(layout, LAYER, layer);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [layer],
    });
    let mut entry = blob(layout, MANIFEST, manifest.to_string().into_bytes());
    entry["platform"] = json!({"architecture": architecture, "os": "linux"});
    Ok(entry)
}

/// Appends the folders that the process may write to.
fn writable(tar: Vec<u8>, epoch: u64) -> Result<Vec<u8>> {
    // An archive ends with two empty blocks, after which readers stop.
    let end = tar.len().saturating_sub(1024);
    let mut archive = tar::Builder::new(tar.get(..end).unwrap_or_default().to_vec());
    for (path, mode, id) in [("data/", 0o755, 65532), ("tmp/", 0o1777, 0)] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(mode);
        header.set_uid(id);
        header.set_gid(id);
        header.set_mtime(epoch);
        header.set_size(0);
        archive.append_data(&mut header, path, &[][..])?;
    }
    Ok(archive.into_inner()?)
}

/// Adds a blob and returns its descriptor.
fn blob(layout: &mut Files, kind: &str, bytes: Vec<u8>) -> Value {
    let (digest, size) = (sha256(&bytes), bytes.len());
    layout.file(format!("blobs/sha256/{digest}"), bytes);
    json!({"mediaType": kind, "digest": format!("sha256:{digest}"), "size": size})
}

/// Mozilla's certificate authorities, as PEM.
fn certificates() -> Result<Vec<u8>> {
    let mut pem = Vec::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let text = BASE64_STANDARD.encode(certificate);
        writeln!(pem, "-----BEGIN CERTIFICATE-----")?;
        for line in text.as_bytes().chunks(64) {
            pem.extend(line);
            pem.push(b'\n');
        }
        writeln!(pem, "-----END CERTIFICATE-----")?;
    }
    Ok(pem)
}
