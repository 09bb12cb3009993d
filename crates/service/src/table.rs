//! Lists for people in columns that line up.

/// A table whose columns are as wide as their widest cell; a sentence stands in for a table without rows.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]], if_empty: &str) -> String {
    if rows.is_empty() {
        return if_empty.to_owned();
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let body: String = rows.iter().map(|row| line(row.each_ref().map(String::as_str))).collect();
    line(head) + &body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["é".to_owned(), "1".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(["ID", "N"], &rows, "none"), "ID    N\né     1\nlong\n");
        assert_eq!(table(["ID"], &[], "none"), "none");
    }
}
