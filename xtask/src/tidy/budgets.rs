//! Rules on the size of Rust code: what does not fit a screen or a head is split.
//!
//! Test code may be long where it is a table; its files may not be endless.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, FnArg, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, Signature, TraitItemFn};

use super::{Finding, Source};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;
const TEST_FILE_LINES_MAX: usize = 1200;
/// The receiver does not count.
const PARAMETERS_MAX: usize = 5;

pub fn check(source: &Source) -> Vec<Finding> {
    if source.extension() != "rs" {
        return Vec::new();
    }
    let file = match syn::parse_file(&source.text) {
        Ok(file) => file,
        Err(error) => return vec![source.finding(error.span().start().line, format!("does not parse: {error}"))],
    };
    let is_test = is_test_file(&source.path);
    let mut budgets = Budgets { source, is_test, is_dictated: false, findings: Vec::new() };
    budgets.visit_file(&file);
    let mut findings = budgets.findings;

    let all = source.text.lines().count();
    let (lines, lines_max) =
        if is_test { (all, TEST_FILE_LINES_MAX) } else { (all - test_lines(&file.items), FILE_LINES_MAX) };
    if lines > lines_max {
        findings.push(source.finding(1, format!("the file has {lines} lines, {lines_max} are allowed: split it")));
    }
    findings
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests")
}

/// Walks all functions of a file.
struct Budgets<'a> {
    source: &'a Source,
    /// Inside test code, where functions may be long.
    is_test: bool,
    /// Inside the implementation of a trait, which dictates the parameters.
    is_dictated: bool,
    findings: Vec<Finding>,
}

impl Budgets<'_> {
    fn check_function(&mut self, signature: &Signature, body: Option<&Block>) {
        let begin = signature.fn_token.span.start().line;
        let name = &signature.ident;
        let parameters = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).count();
        if parameters > PARAMETERS_MAX && !self.is_dictated {
            let message = format!(
                "`{name}` has {parameters} parameters, {PARAMETERS_MAX} are allowed: make a struct of those that belong together"
            );
            self.findings.push(self.source.finding(begin, message));
        }
        let lines = body.map_or(0, |body| body.span().end().line + 1 - begin);
        if lines > FUNCTION_LINES_MAX && !self.is_test {
            let message = format!("`{name}` has {lines} lines, {FUNCTION_LINES_MAX} are allowed: split it");
            self.findings.push(self.source.finding(begin, message));
        }
    }

    fn within(&mut self, is_test: bool, is_dictated: bool, visit: impl FnOnce(&mut Self)) {
        let outer = (self.is_test, self.is_dictated);
        (self.is_test, self.is_dictated) = (self.is_test || is_test, is_dictated);
        visit(self);
        (self.is_test, self.is_dictated) = outer;
    }
}

impl<'ast> Visit<'ast> for Budgets<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.within(is_test(&item.attrs), false, |budgets| visit::visit_item_mod(budgets, item));
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        self.within(is_test(&item.attrs), item.trait_.is_some(), |budgets| visit::visit_item_impl(budgets, item));
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.within(is_test(&item.attrs), false, |budgets| {
            budgets.check_function(&item.sig, Some(&item.block));
            visit::visit_item_fn(budgets, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.within(is_test(&item.attrs), self.is_dictated, |budgets| {
            budgets.check_function(&item.sig, Some(&item.block));
            visit::visit_impl_item_fn(budgets, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.within(false, false, |budgets| {
            budgets.check_function(&item.sig, item.default.as_ref());
            visit::visit_trait_item_fn(budgets, item);
        });
    }
}

/// Whether an item is compiled for tests only: `#[test]`, `#[tokio::test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_marked = attribute.path().segments.last().is_some_and(|last| last.ident == "test");
        is_marked || (attribute.path().is_ident("cfg") && asks_for_test(attribute))
    })
}

fn asks_for_test(cfg: &Attribute) -> bool {
    let Ok(list) = cfg.meta.require_list() else { return false };
    let condition = list.tokens.to_string();
    condition == "test" || condition.strip_prefix("all").is_some_and(|rest| rest.contains("test"))
}

/// The lines of the test modules, with their attributes.
fn test_lines(items: &[Item]) -> usize {
    let lines = |item: &Item| match item {
        Item::Mod(module) if is_test(&module.attrs) => item.span().end().line + 1 - item.span().start().line,
        Item::Mod(module) => module.content.as_ref().map_or(0, |(_, items)| test_lines(items)),
        _ => 0,
    };
    items.iter().map(lines).sum()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::lines_found;

    /// A function whose first and last lines enclose `lines - 2` others.
    fn function(head: &str, lines: usize) -> String {
        format!("{head} {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn function_lines() {
        let (fits, breaks) = (function("fn f()", 70), function("fn f()", 71));
        let table: [(&str, String, &[usize]); 9] = [
            ("src/a.rs", fits.clone(), &[]),
            ("src/a.rs", format!("\n{breaks}"), &[2]),
            ("src/a.rs", format!("impl A {{\n{breaks}}}\n"), &[2]),
            ("src/a.rs", format!("trait A {{\n{breaks}}}\n"), &[2]),
            ("src/a.rs", format!("#[test]\n{breaks}"), &[]),
            ("src/a.rs", format!("#[cfg(test)]\nmod tests {{\n{breaks}}}\n"), &[]),
            ("src/a.rs", format!("#[cfg(not(test))]\nmod real {{\n{breaks}}}\n"), &[3]),
            ("tests/a.rs", breaks.clone(), &[]),
            ("src/a.md", breaks.clone(), &[]),
        ];
        for (path, text, expected) in &table {
            assert_eq!(lines_found(check, path, text), *expected, "{path}: {text}");
        }
    }

    #[test]
    fn file_lines() {
        let constants = |lines: usize| "const A: u8 = 0;\n".repeat(lines);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", constants(700));
        let table: [(&str, String, &[usize]); 8] = [
            ("src/a.rs", constants(600), &[]),
            ("src/a.rs", constants(601), &[1]),
            ("src/a.rs", constants(600) + &tests, &[]),
            ("src/a.rs", constants(601) + &tests, &[1]),
            ("tests/a.rs", constants(1200), &[]),
            ("crates/x/tests/sub/a.rs", constants(1201), &[1]),
            ("src/a/tests.rs", constants(1200), &[]),
            ("src/attests.rs", constants(601), &[1]),
        ];
        for (path, text, expected) in &table {
            assert_eq!(lines_found(check, path, text), *expected, "{path} with {} lines", text.lines().count());
        }
    }

    #[test]
    fn parameters() {
        let table: &[(&str, &[usize])] = &[
            ("fn f(a: A, b: A, c: A, d: A, e: A) {}", &[]),
            ("fn f(a: A, b: A, c: A, d: A, e: A, f: A) {}", &[1]),
            ("impl X { fn f(&self, a: A, b: A, c: A, d: A, e: A) {} }", &[]),
            ("impl X { fn f(&self, a: A, b: A, c: A, d: A, e: A, f: A) {} }", &[1]),
            ("impl T for X { fn f(&self, a: A, b: A, c: A, d: A, e: A, f: A) {} }", &[]),
            ("trait T { fn f(a: A, b: A, c: A, d: A, e: A, f: A); }", &[1]),
            ("#[test] fn f(a: A, b: A, c: A, d: A, e: A, f: A) {}", &[1]),
            ("fn f(", &[1]),
        ];
        for (text, expected) in table {
            assert_eq!(lines_found(check, "src/a.rs", text), *expected, "{text}");
        }
    }
}
