//! What the kernel says of a process and of the machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The unit of the times in /proc/PID/stat: Linux fixes it at 100 a second for user programs.
const TICK: Duration = Duration::from_millis(10);

/// The processor time that a process has used so far, in its own code and in the kernel.
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = ticks(&stat).context("the process's times")?;
    Ok(TICK * u32::try_from(ticks)?)
}

/// The processor time that all processes named `name` of a group have used so far.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn cpu_time_of_group(group: u32, name: &str) -> Result<Duration> {
    let mut sum = 0;
    for entry in fs::read_dir("/proc")? {
        // Skip entries that are not processes, and processes that have exited.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        if in_group(&stat, group, name) {
            sum += ticks(&stat).context("the process's times")?;
        }
    }
    Ok(TICK * u32::try_from(sum)?)
}

/// Whether a process has this name, and the group that is the third field after it.
fn in_group(stat: &str, group: u32, name: &str) -> bool {
    let Some((head, fields)) = stat.rsplit_once(") ") else {
        return false;
    };
    let named = head.split_once(" (").is_some_and(|(_, own)| own == name);
    named && fields.split(' ').nth(2) == Some(&group.to_string())
}

/// `utime + stime`: the 12th and 13th fields after the name, which may hold anything but `)`.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields
        .split(' ')
        .skip(11)
        .map(|field| field.parse::<u64>().ok());
    Some(times.next()?? + times.next()??)
}

/// The memory of a process that is in RAM, in bytes.
///
/// # Errors
/// When there is no such process.
pub(crate) fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

/// The machine in words: processor, cores, kernel.
pub(crate) fn machine() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed processor", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    // What a distribution appends to the version says nothing about speed.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{model}, {cores} cores, Linux {kernel}"))
}

#[cfg(test)]
mod tests {
    use super::{in_group, ticks};

    #[test]
    fn a_process_is_known_by_its_group_and_its_name() {
        let stat = "7 (workerd) S 1 42 42 0 -1";
        assert!(in_group(stat, 42, "workerd"));
        assert!(!in_group(stat, 42, "node"));
        assert!(!in_group(stat, 1, "workerd"));
        assert!(!in_group("nonsense", 42, "workerd"));
    }

    #[test]
    fn times_are_found_behind_any_name() {
        let rest = "S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 100 1000 100";
        assert_eq!(ticks(&format!("7 (a) b) {rest}")), Some(300));
        assert_eq!(ticks("nonsense"), None);
    }
}
