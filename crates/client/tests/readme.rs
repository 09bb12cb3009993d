//! The six lines of the README are those of the library's example, which the documentation tests compile.

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let readme = include_str!("../../../README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a Rust example");
    let library = include_str!("../src/lib.rs");
    let compiled = library.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| !line.starts_with("# "));
    // The example's files lie elsewhere in the library, and long calls stand on several lines there.
    let squeeze =
        |text: &str| text.replace("../examples/", "").split_whitespace().collect::<String>().replace(",)", ")");
    let compiled = squeeze(&compiled.collect::<Vec<_>>().join("\n"));
    assert!(compiled.contains(&squeeze(shown)), "the README shows\n{shown}");
}
