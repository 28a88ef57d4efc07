//! SPDX licence expressions, as far as packages use them.

/// Whether `expression` lets us choose only licences that are `allowed`.
#[must_use]
pub fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.trim();
    let any = split_outside_parentheses(expression, &[" OR ", "/"]);
    if any.len() > 1 {
        return any.iter().any(|part| is_allowed(part, allowed));
    }
    let all = split_outside_parentheses(expression, &[" AND "]);
    if all.len() > 1 {
        return all.iter().all(|part| is_allowed(part, allowed));
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner, allowed),
        None => allowed.contains(&expression),
    }
}

fn split_outside_parentheses<'a>(text: &'a str, separators: &[&str]) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (place, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let rest = text.get(place..).unwrap_or_default();
        let separator = separators.iter().find(|separator| depth == 0 && rest.starts_with(**separator));
        if let Some(separator) = separator {
            parts.push(text.get(start..place).unwrap_or_default());
            start = place + separator.len();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn or_needs_one_and_needs_all() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "ISC AND (GPL-3.0 OR MIT)",
            "(MIT OR X) AND (ISC)",
            "Apache-2.0 WITH LLVM-exception OR X",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "ISC AND (GPL-3.0 OR Apache-2.0)", "(MIT OR X) AND Y"] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }
}
