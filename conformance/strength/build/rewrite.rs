//! The operators: what can be wrong in a step, as calls of `crate::switch` around what stands there.
//!
//! Every call carries the number of its first mutant; with no mutant active it gives what it was given.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, Literal, Span};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, BinOp, Expr, ExprCall, ExprIf, ExprMatch, ExprStruct, ItemFn, Lit, Pat, Token, UnOp,
    Visibility, parse_quote,
};

/// One mutant: where, by which operator, and what is changed.
pub(crate) struct Place {
    pub(crate) function: String,
    pub(crate) operator: &'static str,
    pub(crate) what: String,
}

pub(crate) struct Rewriter<'a> {
    enums: &'a BTreeMap<String, Vec<String>>,
    updates: BTreeSet<String>,
    function: String,
    found: Vec<Place>,
    matches: usize,
    wrong: Vec<String>,
}

/// The arguments of `matches!`.
struct Matches {
    expr: Expr,
    pat: Pat,
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let expr = input.parse()?;
        input.parse::<Token![,]>()?;
        let pat = Pat::parse_multi_with_leading_vert(input)?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { expr, pat })
    }
}

impl<'a> Rewriter<'a> {
    pub(crate) fn new(enums: &'a BTreeMap<String, Vec<String>>, updates: BTreeSet<String>) -> Self {
        Self {
            enums,
            updates,
            function: String::new(),
            found: Vec::new(),
            matches: 0,
            wrong: Vec::new(),
        }
    }

    pub(crate) fn function(&mut self, mut function: ItemFn) -> ItemFn {
        self.function = function.sig.ident.to_string();
        function.sig.constness = None;
        function.attrs.clear();
        function.vis = if self.function == "step" {
            parse_quote! { pub(super) }
        } else {
            Visibility::Inherited
        };
        self.visit_block_mut(&mut function.block);
        function
    }

    pub(crate) fn places(self) -> Result<Vec<Place>, String> {
        if self.wrong.is_empty() {
            Ok(self.found)
        } else {
            Err(self.wrong.join("; "))
        }
    }

    /// The number of a new mutant. The first is 1: 0 is none.
    fn number(&mut self, operator: &'static str, what: String) -> Literal {
        self.found.push(Place {
            function: self.function.clone(),
            operator,
            what,
        });
        Literal::u32_unsuffixed(u32::try_from(self.found.len()).unwrap_or(u32::MAX))
    }

    /// A condition that is always true, never true, or the other way round.
    fn truth(&mut self, expr: &mut Expr, before: &str) {
        let first = self.number("Guard", format!("`{before}` always"));
        self.number("Guard", format!("`{before}` never"));
        self.number("Guard", format!("`{before}` negated"));
        *expr = parse_quote! { crate::switch::truth(#first, #expr) };
    }

    /// What stands where a truth value must.
    fn condition(&mut self, expr: &mut Expr) {
        let before = plain(expr);
        let done = says_truth(expr) || matches!(expr, Expr::Let(_));
        self.visit_expr_mut(expr);
        if !done {
            self.truth(expr, &before);
        }
    }

    fn binary(&mut self, expr: &mut Expr) {
        let Expr::Binary(binary) = expr else { return };
        match binary.op {
            BinOp::And(_) | BinOp::Or(_) => {
                self.condition(&mut binary.left);
                self.condition(&mut binary.right);
            }
            BinOp::Add(_) => {
                self.visit_expr_mut(&mut binary.left);
                self.visit_expr_mut(&mut binary.right);
                let (left, right) = (&binary.left, &binary.right);
                *expr = parse_quote! { crate::switch::plus(#left, #right) };
            }
            _ => {
                self.visit_expr_mut(&mut binary.left);
                self.visit_expr_mut(&mut binary.right);
            }
        }
    }

    /// `if let` is left out as a whole; its other operands one by one.
    fn branch(&mut self, branch: &mut ExprIf) {
        let before = plain(&branch.cond);
        self.condition(&mut branch.cond);
        if has_let(&branch.cond) {
            let number = self.number("Guard", format!("`{before}` never"));
            let cond = &branch.cond;
            branch.cond = parse_quote! { !crate::switch::on(#number) && #cond };
        }
        self.visit_block_mut(&mut branch.then_branch);
        if let Some((_, other)) = &mut branch.else_branch {
            self.visit_expr_mut(other);
        }
    }

    /// Each alternative of an arm can be left out when a later arm takes everything.
    fn matching(&mut self, matching: &mut ExprMatch) -> Option<Expr> {
        self.visit_expr_mut(&mut matching.expr);
        for arm in &mut matching.arms {
            if let Pat::Guard(guarded) = &mut arm.pat {
                self.condition(&mut guarded.guard);
            }
            self.visit_expr_mut(&mut arm.body);
        }
        let last = matching.arms.len().checked_sub(1)?;
        if !takes_all(&matching.arms.get(last)?.pat) {
            return None;
        }
        self.matches += 1;
        let subject = Ident::new(&format!("subject_{}", self.matches), Span::call_site());
        for arm in matching.arms.iter_mut().take(last) {
            self.droppable(arm, &subject);
        }
        let scrutinee = std::mem::replace(&mut matching.expr, parse_quote! { #subject });
        Some(parse_quote! { { let #subject = #scrutinee; #matching } })
    }

    fn droppable(&mut self, arm: &mut Arm, subject: &Ident) {
        let (pat, guard) = match &arm.pat {
            Pat::Guard(guarded) => ((*guarded.pat).clone(), Some((*guarded.guard).clone())),
            pat => (pat.clone(), None),
        };
        let mut kept = Vec::new();
        for case in cases(&pat) {
            let number = self.number("Case", format!("arm `{}` left out", plain(&case)));
            kept.push(quote! { !(crate::switch::on(#number) && matches!(#subject, #case)) });
        }
        let guard = guard.map(|guard| quote! { && (#guard) });
        let (body, comma) = (&arm.body, quote! { , });
        *arm = parse_quote! { #pat if #(#kept)&&* #guard => #body #comma };
    }

    fn matches(&mut self, expr: &mut Expr) {
        let Expr::Macro(call) = &*expr else { return };
        let mut parsed: Matches = match syn::parse2(call.mac.tokens.clone()) {
            Ok(parsed) => parsed,
            Err(error) => return self.wrong.push(error.to_string()),
        };
        self.visit_expr_mut(&mut parsed.expr);
        let Matches { expr: subject, pat } = parsed;
        let all = cases(&pat);
        let mut dropped = Vec::new();
        if all.len() > 1 {
            for case in all {
                let number = self.number("Case", format!("case `{}` left out", plain(&case)));
                dropped
                    .push(quote! { && !(crate::switch::on(#number) && matches!(#subject, #case)) });
            }
        }
        *expr = parse_quote! { (matches!(#subject, #pat) #(#dropped)*) };
    }

    /// Each field of `S { field: value, ..base }` can stay what it was.
    fn update(&mut self, literal: &mut ExprStruct) -> Option<Expr> {
        for field in &mut literal.fields {
            let name = field.member.to_token_stream().to_string();
            let before = plain(&field.expr);
            self.visit_expr_mut(&mut field.expr);
            if literal.rest.is_some() {
                let number = self.number("Skip", format!("`{name}: {before}` skipped"));
                let (member, value) = (&field.member, &field.expr);
                field.expr = parse_quote! { if crate::switch::on(#number) { base.#member.clone() } else { #value } };
                field.colon_token = Some(Token![:](Span::call_site()));
            }
        }
        let rest = literal.rest.as_mut()?;
        self.visit_expr_mut(rest);
        let base = std::mem::replace(rest, parse_quote! { base });
        // Values that name a `base` of their own were bound inside; ours is bound outside of them.
        Some(parse_quote! { { let base = #base; #literal } })
    }

    fn call(&mut self, call: &mut ExprCall) -> Option<Expr> {
        let before = plain(call);
        let name = plain(&call.func);
        for argument in &mut call.args {
            self.visit_expr_mut(argument);
        }
        if self.updates.contains(&name) {
            let number = self.number("Skip", format!("`{before}` skipped"));
            let func = &call.func;
            let state = call.args.first()?;
            let others = call.args.iter().skip(1);
            return Some(parse_quote! {
                { let state = #state; if crate::switch::on(#number) { state } else { #func(state #(, #others)*) } }
            });
        }
        if ![
            "Outcome::accept",
            "Outcome::repeat",
            "Outcome::refuse",
            "Outcome::sw",
            "good",
        ]
        .contains(&name.as_str())
        {
            return None;
        }
        let number = self.number("Next", format!("`{before}` forgets everything"));
        let state = call.args.first_mut()?;
        *state = parse_quote! { crate::switch::reset(#number, #state, init()) };
        if name != "Outcome::refuse" {
            return None;
        }
        let number = self.number("Verdict", format!("`{before}` accepts in silence"));
        let args = &call.args;
        Some(parse_quote! { crate::switch::refuse(#number, #args) })
    }

    /// A variant in place of another; a limit and its neighbours.
    fn path(&mut self, expr: &mut Expr) {
        let before = plain(expr);
        let Some((of, variant)) = before
            .split_once("::")
            .filter(|(_, rest)| !rest.contains("::"))
        else {
            return;
        };
        if of == "limit" {
            return self.off_by_one(expr, &before, true);
        }
        let Some(all) = self.enums.get(of) else {
            return;
        };
        if !all.iter().any(|one| one == variant) {
            return;
        }
        let others = swapped(of, all, variant);
        let operator = match of {
            "Output" => "Output",
            "Refusal" => "Verdict",
            "Input" => "Guard",
            _ => "Next",
        };
        let mut first = None;
        for other in &others {
            let number = self.number(operator, format!("`{before}` becomes `{other}`"));
            first.get_or_insert(number);
        }
        let Some(first) = first else { return };
        let of = Ident::new(of, Span::call_site());
        let others = others
            .iter()
            .map(|other| Ident::new(other, Span::call_site()));
        *expr = parse_quote! { crate::switch::swap(#first, #expr, &[#(#of::#others),*]) };
    }

    fn off_by_one(&mut self, expr: &mut Expr, before: &str, both: bool) {
        let first = self.number("Number", format!("`{before}` one more"));
        if both {
            self.number("Number", format!("`{before}` one less"));
            *expr = parse_quote! { crate::switch::off(#first, #expr) };
        } else {
            *expr = parse_quote! { crate::switch::more(#first, #expr) };
        }
    }

    fn literal(&mut self, expr: &mut Expr) {
        let before = plain(expr);
        let Expr::Lit(literal) = &*expr else { return };
        match &literal.lit {
            Lit::Int(number) => {
                let both = number.base10_digits() != "0";
                self.off_by_one(expr, &before, both);
            }
            Lit::Bool(_) => {
                let number = self.number("Next", format!("`{before}` negated"));
                *expr = parse_quote! { crate::switch::flip(#number, #expr) };
            }
            _ => {}
        }
    }

    /// Each of several outputs can be left out.
    fn said(&mut self, expr: &mut Expr) {
        let before = plain(expr);
        let Expr::Array(array) = expr else { return };
        let is_text =
            |one: &Expr| matches!(one, Expr::Lit(literal) if matches!(literal.lit, Lit::Str(_)));
        if array.elems.is_empty() || array.elems.iter().any(is_text) {
            return;
        }
        let count = array.elems.len();
        array
            .elems
            .iter_mut()
            .for_each(|one| self.visit_expr_mut(one));
        let mut number = None;
        for place in 1..=count {
            let one = self.number(
                "Output",
                format!("{place} of {count} in `{before}` not said"),
            );
            number.get_or_insert(one);
        }
        *expr = parse_quote! { crate::switch::said(#number, #expr) };
    }
}

impl VisitMut for Rewriter<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let before = plain(expr);
        let truth = says_truth(expr) && !is_not(expr) && !has_let(expr);
        match expr {
            Expr::Binary(_) => self.binary(expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                self.condition(&mut unary.expr)
            }
            Expr::If(branch) => self.branch(branch),
            Expr::Match(matching) => {
                if let Some(new) = self.matching(matching) {
                    *expr = new;
                }
            }
            Expr::Macro(_) => self.matches(expr),
            Expr::Struct(literal) => {
                if let Some(new) = self.update(literal) {
                    *expr = new;
                }
            }
            Expr::Call(call) => {
                if let Some(new) = self.call(call) {
                    *expr = new;
                }
            }
            Expr::MethodCall(call) if call.method == "then" || call.method == "then_some" => {
                self.condition(&mut call.receiver);
                call.args
                    .iter_mut()
                    .for_each(|argument| self.visit_expr_mut(argument));
            }
            Expr::MethodCall(call) if call.method == "has" => {}
            Expr::Paren(paren) => return self.visit_expr_mut(&mut paren.expr),
            Expr::Path(_) => self.path(expr),
            Expr::Lit(_) => self.literal(expr),
            Expr::Array(_) => self.said(expr),
            _ => visit_mut::visit_expr_mut(self, expr),
        }
        if truth {
            self.truth(expr, &before);
        }
    }

    fn visit_pat_mut(&mut self, _: &mut Pat) {}
}

/// Whether an expression is a truth value by its form.
fn says_truth(expr: &Expr) -> bool {
    match expr {
        Expr::Binary(binary) => matches!(
            binary.op,
            BinOp::And(_)
                | BinOp::Or(_)
                | BinOp::Eq(_)
                | BinOp::Ne(_)
                | BinOp::Lt(_)
                | BinOp::Le(_)
                | BinOp::Gt(_)
                | BinOp::Ge(_)
        ),
        Expr::Unary(unary) => matches!(unary.op, UnOp::Not(_)),
        Expr::Macro(call) => call.mac.path.is_ident("matches"),
        Expr::MethodCall(call) => call.method == "has",
        Expr::Paren(paren) => says_truth(&paren.expr),
        _ => false,
    }
}

fn is_not(expr: &Expr) -> bool {
    matches!(expr, Expr::Unary(_) | Expr::Paren(_))
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// A pattern that takes whatever comes.
fn takes_all(pat: &Pat) -> bool {
    match pat {
        Pat::Wild(_) => true,
        Pat::Ident(ident) => ident.subpat.is_none(),
        Pat::Tuple(tuple) => tuple.elems.iter().all(takes_all),
        _ => false,
    }
}

/// A pattern's alternatives, one by one, also those inside a tuple.
fn cases(pat: &Pat) -> Vec<Pat> {
    match pat {
        Pat::Or(or) => or.cases.iter().flat_map(cases).collect(),
        Pat::Tuple(tuple) => {
            let mut rows: Vec<Vec<Pat>> = vec![Vec::new()];
            for element in &tuple.elems {
                let all = cases(element);
                rows = rows
                    .iter()
                    .flat_map(|row| {
                        all.iter()
                            .map(move |one| row.iter().cloned().chain([one.clone()]).collect())
                    })
                    .collect();
            }
            rows.into_iter()
                .map(|row: Vec<Pat>| parse_quote! { (#(#row),*) })
                .collect()
        }
        _ => vec![pat.clone()],
    }
}

/// What a variant becomes: every other for a state, the next one for a letter or a refusal.
fn swapped(of: &str, all: &[String], variant: &str) -> Vec<String> {
    if matches!(of, "Output" | "Input" | "Refusal") {
        let place = all
            .iter()
            .position(|one| one == variant)
            .unwrap_or_default();
        let next = all.get((place + 1) % all.len());
        return next.into_iter().cloned().collect();
    }
    all.iter().filter(|one| *one != variant).cloned().collect()
}

/// Source text without the spaces that tokens are printed with.
fn plain(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (" . ", "."),
        (" ! (", "!("),
        (" : ", ": "),
        (".. ", ".."),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        ("! ", "!"),
        ("& [", "&["),
        (" ;", ";"),
        (",)", ")"),
        (", }", " }"),
    ] {
        text = text.replace(from, to);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
