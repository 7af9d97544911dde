//! A user of the system, by name or number, and how a process becomes it.

use std::fs;

use anyhow::{Context, ensure};
use rustix::fs::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, capabilities, set_keep_capabilities, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// The user number of nobody if the system has no user of that name (the kernel's overflow number).
const NOBODY: u32 = 65534;

/// A user and its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: Uid,
    gid: Gid,
    /// Further groups.
    groups: Vec<Gid>,
}

impl Account {
    /// The user that `USER` or `USER:GROUP` names, each a name in the system's files or a number.
    /// Without a group, it is the user's own; for an unknown user number, the same number.
    pub(super) fn find(text: &str) -> anyhow::Result<Self> {
        let (users, groups) = (lines(USERS), lines(GROUPS));
        Self::among(text, &users, &groups).with_context(|| format!("--user {text}"))
    }

    /// The user nobody.
    pub(super) fn nobody() -> Self {
        let is_sound = |account: &Self| !account.uid.is_root();
        Self::find("nobody").ok().filter(is_sound).unwrap_or(Self {
            name: "nobody".to_owned(),
            uid: Uid::from_raw(NOBODY),
            gid: Gid::from_raw(NOBODY),
            groups: Vec::new(),
        })
    }

    fn among(text: &str, users: &[String], groups: &[String]) -> anyhow::Result<Self> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        // name:password:UID:GID:…
        let known = entry(users, user);
        let uid = match &known {
            Some(fields) => number(field(fields, 2)),
            None => number(user),
        };
        let uid = uid.with_context(|| format!("there is no user {user:?} in {USERS}"))?;
        let gid = match (group, &known) {
            // name:password:GID:members
            (Some(group), _) => match entry(groups, group) {
                Some(fields) => number(field(&fields, 2)),
                None => number(group),
            }
            .with_context(|| format!("there is no group {group:?} in {GROUPS}"))?,
            (None, Some(fields)) => {
                number(field(fields, 3)).context("its group is not a number")?
            }
            (None, None) => uid,
        };
        let name = known.map_or(user.to_owned(), |fields| field(&fields, 0).to_owned());
        ensure!(
            (uid == 0) == (gid == 0),
            "only one of the two is root: name a user and a group that are not, or root"
        );
        let is_member = |fields: &Vec<&str>| field(fields, 3).split(',').any(|it| it == name);
        let further = groups
            .iter()
            .map(|line| line.split(':').collect())
            .filter(is_member)
            .filter_map(|fields| number(field(&fields, 2)))
            .map(Gid::from_raw)
            .collect();
        Ok(Self {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            groups: further,
            name,
        })
    }

    /// setgroups(2), setresgid(2), setresuid(2), for the calling thread; permitted capabilities
    /// stay.
    pub(super) fn become_it(&self) -> anyhow::Result<()> {
        let (uid, gid) = (self.uid, self.gid);
        let held = capabilities(None).context("capget(2)")?.effective;
        for (capability, name) in [
            (CapabilitySet::SETGID, "CAP_SETGID"),
            (CapabilitySet::SETUID, "CAP_SETUID"),
        ] {
            ensure!(held.contains(capability), "{name} is missing");
        }
        set_keep_capabilities(true).context("prctl(PR_SET_KEEPCAPS)")?;
        let become_it = || {
            set_thread_groups(&self.groups).context("setgroups(2)")?;
            set_thread_res_gid(gid, gid, gid).context("setresgid(2)")?;
            set_thread_res_uid(uid, uid, uid).context("setresuid(2)")
        };
        let outcome = become_it();
        set_keep_capabilities(false).context("prctl(PR_SET_KEEPCAPS)")?;
        outcome
    }
}

/// The lines of one of the system's files; none if it can't be read.
fn lines(file: &str) -> Vec<String> {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(ToOwned::to_owned).collect()
}

/// The fields of the line of this name, or, if it is a number, of the first line of that number.
fn entry<'a>(lines: &'a [String], sought: &str) -> Option<Vec<&'a str>> {
    let fields = || lines.iter().map(|line| line.split(':').collect::<Vec<_>>());
    let by_name = fields().find(|fields| field(fields, 0) == sought);
    by_name.or_else(|| {
        let sought = number(sought)?;
        fields().find(|fields| number(field(fields, 2)) == Some(sought))
    })
}

fn field<'a>(fields: &[&'a str], at: usize) -> &'a str {
    fields.get(at).copied().unwrap_or_default()
}

/// A user's or group's number. Not the highest one, which system calls take for "unchanged".
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Account;

    fn find(text: &str) -> anyhow::Result<(u32, u32, Vec<u32>)> {
        let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        let users =
            lines("root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:a:/:/bin/false\nodd:x:77:0::/:/");
        let groups = lines("root:x:0:\nwww:x:34:\nkeys:x:99:other,www\n");
        let account = Account::among(text, &users, &groups)?;
        let groups = account.groups.iter().map(|gid| gid.as_raw()).collect();
        Ok((account.uid.as_raw(), account.gid.as_raw(), groups))
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        for (text, uid, gid, groups) in [
            ("www", 33, 34, vec![99]),
            ("33", 33, 34, vec![99]),
            ("www:keys", 33, 99, vec![99]),
            ("www:7", 33, 7, vec![99]),
            ("1234", 1234, 1234, vec![]),
            ("1234:www", 1234, 34, vec![]),
            ("root", 0, 0, vec![]),
        ] {
            assert_eq!(find(text).unwrap(), (uid, gid, groups), "{text}");
        }
    }

    #[test]
    fn what_is_no_user_or_half_of_root_is_refused() {
        for text in [
            "",
            "nosuch",
            "www:nosuch",
            "4294967295",
            "-1",
            "odd",
            "0:5",
            "www:0",
        ] {
            assert!(find(text).is_err(), "{text}");
        }
    }
}
