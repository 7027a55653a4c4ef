//! Users and groups, looked up in `/etc/passwd` and `/etc/group` themselves.
//!
//! glibc's own look-ups load NSS modules, which a static binary cannot do safely.

use std::fs;
use std::io;
use std::path::Path;

use crate::names::UserName;

/// What a process needs to become a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's own group.
    pub gid: u32,
    /// The numbers of all groups the user is in, its own among them.
    pub groups: Vec<u32>,
}

/// The two files, wherever they are.
#[derive(Debug, Clone)]
pub struct Accounts<'a> {
    /// The folder of `passwd` and `group`: `/etc`.
    pub etc: &'a Path,
}

impl Accounts<'static> {
    /// The system's own.
    pub fn system() -> Self {
        Self { etc: Path::new("/etc") }
    }

    /// Who calls: by the name that this machine has for them, else by their number.
    pub fn yourself() -> UserName {
        let uid = nix::unistd::geteuid().as_raw();
        if uid == 0 {
            return UserName::root();
        }
        let name = Self::system().name(uid).ok().flatten();
        name.or_else(|| uid.to_string().parse().ok()).unwrap_or_else(UserName::root)
    }
}

impl Accounts<'_> {
    /// The account of a user, if there is one. A number needs no entry in `passwd`; its group is then the
    /// same number.
    pub fn find(&self, user: &UserName) -> io::Result<Option<Account>> {
        let passwd = self.read("passwd")?;
        let wanted = user.as_uid();
        let entry = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|fields| {
            let [name, _, uid, gid, ..] = fields[..] else { return None };
            let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
            // A number is always a uid, also where somebody has one for a name.
            let is_it = wanted.map_or(name == user.as_str(), |wanted| wanted == uid);
            is_it.then(|| (name.to_owned(), uid, gid))
        });
        Ok(match (entry, wanted) {
            (Some((name, uid, gid)), _) => {
                let mut groups = self.groups_of(&name)?;
                if !groups.contains(&gid) {
                    groups.insert(0, gid);
                }
                Some(Account { uid, gid, groups })
            }
            (None, Some(uid)) => Some(Account { uid, gid: uid, groups: vec![uid] }),
            (None, None) => None,
        })
    }

    /// The name that a number has in `passwd`, if there is one and it is a user's name here.
    pub fn name(&self, uid: u32) -> io::Result<Option<UserName>> {
        let passwd = self.read("passwd")?;
        let mut named = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.parse().ok())?
        });
        Ok(named.next())
    }

    /// The number of a group, given by name or as a number.
    pub fn group(&self, group: &str) -> io::Result<Option<u32>> {
        if let Ok(number) = group.parse() {
            return Ok(Some(number));
        }
        let found = self.read("group")?.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok()).flatten()
        });
        Ok(found)
    }

    fn groups_of(&self, name: &str) -> io::Result<Vec<u32>> {
        let group = self.read("group")?;
        let gids = group.lines().filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [_, _, gid, members] = fields[..] else { return None };
            members.split(',').any(|member| member == name).then(|| gid.parse().ok()).flatten()
        });
        Ok(gids.collect())
    }

    /// The file's text; no file is the same as an empty one (a chroot may have none).
    fn read(&self, file: &str) -> io::Result<String> {
        match fs::read(self.etc.join(file)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_files<T>(check: impl FnOnce(Accounts<'_>) -> T) -> T {
        let etc = tempfile::tempdir().unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken line\nforum:x:10001:10002::/:/bin/sh\n";
        fs::write(etc.path().join("passwd"), passwd).unwrap();
        fs::write(etc.path().join("group"), "root:x:0:\nforum:x:10002:\nlogs:x:44:www,forum\n").unwrap();
        check(Accounts { etc: etc.path() })
    }

    #[test]
    fn a_user_has_its_own_group_and_those_it_is_a_member_of() {
        with_files(|accounts| {
            let forum = Account { uid: 10001, gid: 10002, groups: vec![10002, 44] };
            assert_eq!(accounts.find(&"forum".parse().unwrap()).unwrap(), Some(forum.clone()));
            assert_eq!(accounts.find(&"10001".parse().unwrap()).unwrap(), Some(forum));
        });
    }

    #[test]
    fn a_number_needs_no_entry_and_a_name_does() {
        with_files(|accounts| {
            let stranger = Account { uid: 4711, gid: 4711, groups: vec![4711] };
            assert_eq!(accounts.find(&"4711".parse().unwrap()).unwrap(), Some(stranger));
            assert_eq!(accounts.find(&"nobody-here".parse().unwrap()).unwrap(), None);
            assert_eq!(accounts.group("logs").unwrap(), Some(44));
            assert_eq!(accounts.group("nothing").unwrap(), None);
        });
    }

    #[test]
    fn without_the_files_there_are_only_numbers() {
        let accounts = Accounts { etc: Path::new("/nonexistent") };
        assert_eq!(accounts.find(&"root".parse().unwrap()).unwrap(), None);
        assert_eq!(accounts.find(&"0".parse().unwrap()).unwrap().unwrap().uid, 0);
    }
}
