//! Trees: what covers what, and which client came from which.
//!
//! A tree is nested lists, so that it reads well aloud; the lines between the nodes come from the stylesheet.

use askama::Template;

use super::markup::Markup;

/// A node and what hangs on it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// For people.
    pub label: String,
    /// The page of it.
    pub href: Option<String>,
    /// Its state in a word.
    pub badge: Option<Badge>,
    /// A quieter word after it; often empty.
    pub note: String,
    /// What hangs on it.
    pub children: Vec<Node>,
}

/// A state in a word.
#[derive(Clone, Debug)]
pub struct Badge {
    /// `good`, `warn`, `bad`, `info` or empty.
    pub kind: &'static str,
    /// In a word.
    pub text: String,
}

/// How deep a tree is drawn: on a telephone there is no room for more, and drawing goes down by calling itself.
const DEPTH_MAX: usize = 24;

#[derive(Template)]
#[template(path = "charts/tree.html")]
struct View<'a> {
    label: &'a str,
    items: Vec<Markup>,
}

#[derive(Template)]
#[template(path = "charts/tree_node.html")]
struct NodeView<'a> {
    node: &'a Node,
    children: Vec<Markup>,
    hidden: usize,
}

/// Draws the trees that begin at `roots`; `label` names the whole for screen readers.
pub fn tree(label: &str, roots: &[Node]) -> Markup {
    Markup::of(&View { label, items: items(roots, DEPTH_MAX) })
}

fn items(nodes: &[Node], depth: usize) -> Vec<Markup> {
    nodes.iter().map(|node| item(node, depth - 1)).collect()
}

fn item(node: &Node, depth: usize) -> Markup {
    let is_cut = depth == 0;
    let children = if is_cut { Vec::new() } else { items(&node.children, depth) };
    Markup::of(&NodeView { node, children, hidden: if is_cut { descendants(node) } else { 0 } })
}

/// How many nodes hang below; counted without calling itself, as trees from outside may be deep.
fn descendants(node: &Node) -> usize {
    let mut waiting: Vec<&Node> = node.children.iter().collect();
    let mut count = 0;
    while let Some(next) = waiting.pop() {
        count += 1;
        waiting.extend(&next.children);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(label: &str, children: Vec<Node>) -> Node {
        Node { label: label.to_owned(), children, ..Node::default() }
    }

    #[test]
    fn lists_stand_in_lists() {
        let html =
            tree("Coverage", &[node("a", vec![node("b", vec![node("c", vec![])]), node("d", vec![])])]).to_string();
        let shape: String = html
            .split('<')
            .filter_map(|tag| match tag {
                _ if tag.starts_with("ul") => Some('('),
                _ if tag.starts_with("/ul") => Some(')'),
                _ => tag.strip_prefix("span class=\"tree-label\">").and_then(|label| label.chars().next()),
            })
            .collect();
        assert_eq!(shape, "(a(b(c)d))");
    }

    #[test]
    fn no_root_is_an_empty_list() {
        assert_eq!(tree("Coverage", &[]).to_string().matches("<li").count(), 0);
    }

    #[test]
    fn a_deep_tree_is_cut_and_says_so() {
        let deep = (0..5_000).fold(node("leaf", vec![]), |below, _| node("n", vec![below]));
        let html = tree("Lineage", std::slice::from_ref(&deep)).to_string();
        assert_eq!(html.matches("tree-label").count(), DEPTH_MAX);
        assert!(html.contains("4977 more below"), "{}", &html[html.len() - 400..]);
        unravel(deep);
    }

    /// Takes a deep tree apart without a deep stack.
    fn unravel(mut node: Node) {
        while let Some(child) = node.children.pop() {
            node = child;
        }
    }

    #[test]
    fn hostile_words_stay_text() {
        let badge = Some(Badge { kind: "bad", text: "<b>".into() });
        let hostile =
            Node { label: "<script>".into(), href: Some("\"><i>".into()), badge, note: "<u>".into(), children: vec![] };
        let html = tree("\"><s>", &[hostile]).to_string();
        for tag in ["<script>", "<i>", "<b>", "<u>", "<s>"] {
            assert!(!html.contains(tag), "{html}");
        }
    }
}
