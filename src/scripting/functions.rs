//! Libraries of functions: what `FUNCTION LOAD` has loaded.
//!
//! The registry knows every library's text and what functions it registers. An interpreter runs
//! a library's text when one of its functions is first called on its thread; what a library keeps in
//! variables of its own is therefore each thread's.

use super::script::{Flags, History};
use crate::error::Error;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A library.
pub struct Library {
    /// Identifies this text under this name; never reused.
    pub id: u64,
    /// Its name.
    pub name: Box<[u8]>,
    text: Box<[u8]>,
    code_at: usize,
    /// Its functions.
    pub functions: Vec<FunctionInfo>,
}

/// A function, as it was registered.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionInfo {
    /// Its name.
    pub name: Box<[u8]>,
    /// What it is for.
    pub description: Option<Box<[u8]>>,
    /// What it may do.
    pub flags: Flags,
    /// Could it run for long?
    pub may_loop: bool,
}

/// A function that can be called.
pub struct Function {
    /// Its name, as registered.
    pub name: Box<[u8]>,
    /// What it may do.
    pub flags: Flags,
    /// Could it run for long?
    pub may_loop: bool,
    /// Where it is from.
    pub library: Arc<Library>,
    /// What is known of its runs.
    pub history: History,
}

impl Library {
    /// The whole text, with its first line.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text to compile.
    pub fn code(&self) -> &[u8] {
        &self.text[self.code_at..]
    }

    /// Memory it takes, in bytes.
    pub fn held_bytes(&self) -> usize {
        let functions: usize = self
            .functions
            .iter()
            .map(|it| size_of::<FunctionInfo>() + size_of::<Function>() + 2 * it.name.len())
            .sum();
        size_of::<Library>() + self.name.len() + self.text.len() + functions
    }
}

/// What the first line of a library's text says.
#[derive(Debug, PartialEq)]
pub struct Heading<'a> {
    /// The library's name.
    pub name: &'a [u8],
    /// Where the code begins.
    pub code_at: usize,
}

/// Reads the first line: `#!lua name=<name>`.
pub fn heading(text: &[u8]) -> Result<Heading<'_>, Error> {
    let Some(rest) = text.strip_prefix(b"#!") else {
        return Err(Error::library_without_metadata());
    };
    let end = memchr::memchr(b'\n', rest).ok_or_else(Error::library_metadata)?;
    let mut words = rest[..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    let mut name = None;
    for word in words {
        match word.strip_prefix(b"name=") {
            Some(_) if name.is_some() => return Err(Error::library_name_twice()),
            Some(given) => name = Some(given),
            None => return Err(Error::library_option(word)),
        }
    }
    let name = name.ok_or_else(Error::library_without_name)?;
    if !is_name(name) {
        return Err(Error::library_name());
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Error::library_engine(engine));
    }
    Ok(Heading {
        name,
        code_at: 2 + end,
    })
}

/// May this be a library's or a function's name?
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// A library that is being loaded: its text has run, and its functions are registered.
pub fn library(text: &[u8], functions: Vec<FunctionInfo>) -> Result<Library, Error> {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let Heading { name, code_at } = heading(text)?;
    if functions.is_empty() {
        return Err(Error::library_without_functions());
    }
    Ok(Library {
        id: NEXT_ID.fetch_add(1, Relaxed),
        name: name.into(),
        text: text.into(),
        code_at,
        functions,
    })
}

/// A library before it has run, for an interpreter to run it.
pub fn draft(text: &[u8]) -> Result<Library, Error> {
    let Heading { name, code_at } = heading(text)?;
    Ok(Library {
        id: 0,
        name: name.into(),
        text: text.into(),
        code_at,
        functions: Vec::new(),
    })
}

/// All libraries.
#[derive(Default)]
pub struct Functions {
    all: RwLock<Registry>,
    bytes: AtomicU64,
}

#[derive(Default, Clone)]
struct Registry {
    libraries: BTreeMap<Box<[u8]>, Arc<Library>>,
    /// By their names in lower case.
    functions: BTreeMap<Box<[u8]>, Arc<Function>>,
}

impl Registry {
    fn add(&mut self, library: Arc<Library>, replace: bool) -> Result<(), Error> {
        if self.libraries.contains_key(&library.name) {
            if !replace {
                return Err(Error::library_exists(&library.name));
            }
            self.remove(&library.name);
        }
        for info in &library.functions {
            let name: Box<[u8]> = info.name.to_ascii_lowercase().into();
            if self.functions.contains_key(&name) {
                return Err(Error::function_exists(&info.name));
            }
            let function = Function {
                name: info.name.clone(),
                flags: info.flags,
                may_loop: info.may_loop,
                library: Arc::clone(&library),
                history: History::default(),
            };
            self.functions.insert(name, Arc::new(function));
        }
        self.libraries.insert(library.name.clone(), library);
        Ok(())
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.libraries.remove(name) else {
            return false;
        };
        self.functions
            .retain(|_, function| function.library.id != library.id);
        true
    }

    fn held_bytes(&self) -> usize {
        self.libraries.values().map(|it| it.held_bytes()).sum()
    }
}

/// What becomes of the libraries that are there when others are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// They go.
    Flush,
    /// They stay; one of the same name is an error.
    Append,
    /// They stay, unless one of the same name comes.
    Replace,
}

impl Functions {
    /// The function of this name, in any case.
    pub fn get(&self, name: &[u8]) -> Option<Arc<Function>> {
        let name = name.to_ascii_lowercase();
        self.all.read().functions.get(&name[..]).cloned()
    }

    /// Is there a library of this name?
    pub fn contains(&self, name: &[u8]) -> bool {
        self.all.read().libraries.contains_key(name)
    }

    /// Adds a library. All or nothing.
    pub fn add(&self, library: Library, replace: bool) -> Result<(), Error> {
        self.change(|registry| registry.add(Arc::new(library), replace))
    }

    /// Adds several. All or nothing.
    pub fn restore(&self, libraries: Vec<Library>, policy: Restore) -> Result<(), Error> {
        self.change(|registry| {
            if policy == Restore::Flush {
                *registry = Registry::default();
            }
            let replace = policy == Restore::Replace;
            let mut added = libraries.into_iter().map(Arc::new);
            added.try_for_each(|library| registry.add(library, replace))
        })
    }

    fn change(&self, change: impl FnOnce(&mut Registry) -> Result<(), Error>) -> Result<(), Error> {
        let mut all = self.all.write();
        let mut changed = all.clone();
        change(&mut changed)?;
        self.bytes.store(changed.held_bytes() as u64, Relaxed);
        *all = changed;
        Ok(())
    }

    /// Removes a library; false when there is none of this name.
    pub fn delete(&self, name: &[u8]) -> bool {
        let mut found = false;
        let changed = self.change(|registry| {
            found = registry.remove(name);
            Ok(())
        });
        changed.is_ok() && found
    }

    /// Removes all.
    pub fn flush(&self) {
        *self.all.write() = Registry::default();
        self.bytes.store(0, Relaxed);
    }

    /// All libraries, by name.
    pub fn libraries(&self) -> Vec<Arc<Library>> {
        self.all.read().libraries.values().cloned().collect()
    }

    /// Numbers of libraries and of functions.
    pub fn counts(&self) -> (usize, usize) {
        let all = self.all.read();
        (all.libraries.len(), all.functions.len())
    }

    /// Memory they take, in bytes; interpreters count for themselves.
    pub fn held_bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str) -> FunctionInfo {
        FunctionInfo {
            name: name.as_bytes().into(),
            description: None,
            may_loop: true,
            flags: Flags::default(),
        }
    }

    fn made(name: &str, functions: &[&str]) -> Library {
        let text = format!("#!lua name={name}\n");
        library(
            text.as_bytes(),
            functions.iter().map(|it| info(it)).collect(),
        )
        .unwrap()
    }

    #[test]
    fn names_are_unique_whatever_their_case() {
        let functions = Functions::default();
        functions.add(made("a", &["f", "G"]), false).unwrap();
        assert!(functions.get(b"F").is_some() && functions.get(b"g").is_some());
        assert!(functions.add(made("a", &["x"]), false).is_err());
        assert!(functions.add(made("b", &["y", "g"]), false).is_err());
        assert!(functions.get(b"y").is_none(), "all or nothing");
        functions.add(made("a", &["x"]), true).unwrap();
        assert!(functions.get(b"f").is_none() && functions.get(b"x").is_some());
        assert_eq!(functions.counts(), (1, 1));
        assert!(functions.held_bytes() > 0);
        assert!(functions.delete(b"a") && !functions.delete(b"a"));
        assert_eq!(functions.held_bytes(), 0);
    }

    #[test]
    fn restoring_is_all_or_nothing() {
        let functions = Functions::default();
        functions.add(made("a", &["f"]), false).unwrap();
        let two = || vec![made("b", &["g"]), made("a", &["h"])];
        assert!(functions.restore(two(), Restore::Append).is_err());
        assert!(!functions.contains(b"b"));
        functions.restore(two(), Restore::Replace).unwrap();
        assert!(functions.get(b"f").is_none() && functions.get(b"h").is_some());
        functions
            .restore(vec![made("c", &["f"])], Restore::Flush)
            .unwrap();
        assert_eq!(functions.counts(), (1, 1));
    }

    #[test]
    fn the_first_line_names_the_library() {
        let read = heading(b"#!lua name=lib_1\ncode").unwrap();
        assert_eq!((read.name, read.code_at), (&b"lib_1"[..], 16));
        for wrong in [
            "code",
            "#!lua name=a",
            "#!lua\n",
            "#!lua name=\n",
            "#!js name=a\n",
            "#!lua name=a x\n",
        ] {
            assert!(heading(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
