//! Text in columns, each as wide as its widest cell.

/// Puts rows below a heading. The last column is not filled up.
pub(super) fn columns<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    });
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    line(heading) + &rows.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["a".to_owned(), "nightly-backup".to_owned()], ["mysql".to_owned(), "x".to_owned()]];
        assert_eq!(
            columns(["SERVICE", "ACTION"], &rows),
            "SERVICE  ACTION\na        nightly-backup\nmysql    x\n"
        );
    }
}
