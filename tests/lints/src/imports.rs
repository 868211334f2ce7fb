//! Circles between the modules of a crate.
//!
//! A module imports another one if its code names a path into it: `crate::a::b`, `super::b`, or `b::c`
//! for a child module `b`. Declaring a child (`mod b;`) imports nothing; re-exporting from it does.
//! A path is resolved as it is written: `crate::Name` is an import of the crate root, even if the root
//! re-exports `Name` from elsewhere. Code of unit tests (`mod tests`) does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::tree;

/// A module as its path from the crate root; the root is empty.
type Module = Vec<String>;

/// Which modules each module imports.
pub type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Reads the modules of the crate whose root is `root_file`, and what they import.
///
/// # Panics
/// If a file cannot be read or is not Rust.
pub fn of_crate(root_file: &Path) -> Imports {
    let mut files = BTreeMap::new();
    let folder = root_file.parent().map(Path::to_path_buf).unwrap_or_default();
    let stem = root_file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    // `lib.rs` and `main.rs` have their modules beside them, `tests/e2e.rs` has them in `tests/e2e/`.
    let is_target = matches!(stem.as_deref(), Some("lib" | "main"));
    let children = if is_target { folder } else { root_file.with_extension("") };
    add_module(root_file.to_path_buf(), &children, Vec::new(), &mut files);
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    files
        .into_iter()
        .map(|(module, tokens)| {
            let mut found = BTreeSet::new();
            let reader = Reader { modules: &modules, file: &module };
            reader.scan(tokens, &module, &mut found);
            found.remove(&module);
            (module, found)
        })
        .collect()
}

fn add_module(
    file: PathBuf,
    children: &Path,
    module: Module,
    files: &mut BTreeMap<Module, TokenStream>,
) {
    let tokens: TokenStream =
        tree::read(&file).parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for child in declared_children(tokens.clone()) {
        let path = children.join(format!("{child}.rs"));
        if child == "tests" || !path.exists() {
            continue;
        }
        let below = [module.clone(), vec![child.clone()]].concat();
        add_module(path, &children.join(&child), below, files);
    }
    files.insert(module, tokens);
}

/// The names in `mod name;`.
fn declared_children(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens
        .windows(3)
        .filter(|window| is_ident(&window[0], "mod") && is_punct(&window[2], ';'))
        .map(|window| window[1].to_string())
        .collect()
}

struct Reader<'a> {
    modules: &'a BTreeSet<Module>,
    file: &'a Module,
}

impl Reader<'_> {
    /// Adds to `found` every module that a path in `tokens` leads into. `here` is the module that
    /// `self` means: the file's, or an inline one in it.
    fn scan(&self, tokens: TokenStream, here: &Module, found: &mut BTreeSet<Module>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let Some((name, body)) = inline_module(&tokens[at..]) {
                if name != "tests" {
                    self.scan(body, &[here.clone(), vec![name]].concat(), found);
                }
                at += 3;
                continue;
            }
            let continues = at > 0 && is_punct(&tokens[at - 1], ':');
            if !continues && let Some(start) = self.path_start(&tokens, at, here) {
                self.follow(&tokens, at, start, here, found);
            }
            if let TokenTree::Group(group) = &tokens[at] {
                self.scan(group.stream(), here, found);
            }
            at += 1;
        }
    }

    /// The module that a path beginning at `at` starts from, if it may lead into this crate.
    fn path_start(&self, tokens: &[TokenTree], at: usize, here: &Module) -> Option<Module> {
        let TokenTree::Ident(ident) = &tokens[at] else { return None };
        if !is_path_separator(tokens, at + 1) {
            return None;
        }
        match ident.to_string().as_str() {
            "crate" => Some(Vec::new()),
            "self" => Some(here.clone()),
            "super" => here.split_last().map(|(_, parent)| parent.to_vec()),
            name => {
                let child = [self.file.clone(), vec![name.to_owned()]].concat();
                self.modules.contains(&child).then_some(child)
            }
        }
    }

    /// Follows the path whose first segment, at `at`, has been resolved to `base`.
    fn follow(
        &self,
        tokens: &[TokenTree],
        at: usize,
        base: Module,
        here: &Module,
        found: &mut BTreeSet<Module>,
    ) {
        let mut base = base;
        let mut at = at;
        while is_path_separator(tokens, at + 1) {
            match tokens.get(at + 3) {
                Some(TokenTree::Ident(ident)) if ident == "super" => {
                    base.pop();
                }
                Some(TokenTree::Ident(ident)) => {
                    let next = [base.clone(), vec![ident.to_string()]].concat();
                    if !self.modules.contains(&next) {
                        break;
                    }
                    base = next;
                }
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.follow_group(group.stream(), &base, here, found);
                    return;
                }
                _ => break,
            }
            at += 3;
        }
        found.insert(self.existing(base));
    }

    /// Follows each branch of `base::{a, b::c}`.
    fn follow_group(
        &self,
        tokens: TokenStream,
        base: &Module,
        here: &Module,
        found: &mut BTreeSet<Module>,
    ) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for branch in tokens.split(|token| is_punct(token, ',')) {
            let Some(first) = branch.first() else { continue };
            let next = [base.clone(), vec![first.to_string()]].concat();
            if self.modules.contains(&next) {
                self.follow(branch, 0, next, here, found);
            } else {
                found.insert(self.existing(base.clone()));
            }
        }
    }

    /// The nearest module with a file: inline modules belong to the file that holds them.
    fn existing(&self, mut module: Module) -> Module {
        while !self.modules.contains(&module) && module.pop().is_some() {}
        module
    }
}

fn inline_module(tokens: &[TokenTree]) -> Option<(String, TokenStream)> {
    match tokens {
        [keyword, TokenTree::Ident(name), TokenTree::Group(body), ..]
            if is_ident(keyword, "mod") && body.delimiter() == Delimiter::Brace =>
        {
            Some((name.to_string(), body.stream()))
        }
        _ => None,
    }
}

fn is_ident(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == text)
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
    colon(at) && colon(at + 1)
}

/// The circles: groups of modules, each of which imports every other one, directly or through others.
pub fn circles(imports: &Imports) -> Vec<BTreeSet<Module>> {
    let reach: BTreeMap<&Module, BTreeSet<Module>> =
        imports.keys().map(|module| (module, reachable(imports, module))).collect();
    let mut circles: BTreeSet<BTreeSet<Module>> = BTreeSet::new();
    for (module, reached) in &reach {
        if reached.contains(*module) {
            let members = reached.iter().filter(|other| reach[other].contains(*module));
            circles.insert(members.cloned().collect());
        }
    }
    circles.into_iter().collect()
}

fn reachable(imports: &Imports, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut pending = vec![from];
    while let Some(module) = pending.pop() {
        for next in &imports[module] {
            if reached.insert(next.clone()) {
                pending.push(next);
            }
        }
    }
    reached
}
