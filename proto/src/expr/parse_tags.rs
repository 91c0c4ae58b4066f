//! The tags: `if`, `for`, `set`, `macro`, `block`, `filter`.

use super::ast::{Block, FilterCall, Macro, Node};
use super::error::SyntaxError;
use super::lex::Token;
use super::parse::Parser;
use super::value::Text;

/// The tags that there are.
const TAGS: [&str; 6] = ["if", "for", "set", "macro", "block", "filter"];

impl Parser<'_> {
    /// Everything up to the end of the source.
    pub(super) fn template(&mut self) -> Result<Vec<Node>, SyntaxError> {
        self.body(&[])
    }

    /// Nodes up to a tag of `stops`, whose name is then the current token.
    fn body(&mut self, stops: &[&str]) -> Result<Vec<Node>, SyntaxError> {
        let mut nodes = Vec::new();
        loop {
            match self.current().clone() {
                Token::Data(text) => {
                    self.advance();
                    nodes.push(Node::Text(text));
                }
                Token::PrintStart => nodes.push(self.print()?),
                Token::TagStart => {
                    self.advance();
                    if stops.iter().any(|stop| self.is_name(stop)) {
                        return Ok(nodes);
                    }
                    nodes.extend(self.nested(Self::tag)?);
                }
                Token::End if stops.is_empty() => return Ok(nodes),
                Token::End => return Err(self.unclosed(stops)),
                _ => return Err(self.error("Parser ended in undefined state.")),
            }
        }
    }

    fn unclosed(&self, stops: &[&str]) -> SyntaxError {
        let wanted = stops.last().unwrap_or(&"");
        self.error(format!("Unexpected end of template. Pebble was looking for the \"{wanted}\" tag"))
    }

    fn print(&mut self) -> Result<Node, SyntaxError> {
        self.advance();
        let value = self.expression()?;
        self.take(&Token::PrintEnd)?;
        Ok(Node::Print(value))
    }

    fn tag(&mut self) -> Result<Option<Node>, SyntaxError> {
        let Token::Name(tag) = self.current().clone() else {
            return Err(self.error("A block must start with a tag name."));
        };
        if !TAGS.contains(&&*tag) {
            return Err(self.error(format!("Unexpected tag name \"{tag}\"")));
        }
        self.advance();
        match &*tag {
            "if" => self.if_tag().map(Some),
            "for" => self.for_tag().map(Some),
            "set" => self.set_tag().map(Some),
            "block" => self.block_tag().map(Some),
            "filter" => self.filter_tag().map(Some),
            _ => self.macro_tag().map(|()| None),
        }
    }

    /// Takes the name of the closing tag and its end.
    fn close(&mut self) -> Result<(), SyntaxError> {
        self.advance();
        self.take(&Token::TagEnd)
    }

    fn if_tag(&mut self) -> Result<Node, SyntaxError> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        let condition = self.expression()?;
        self.take(&Token::TagEnd)?;
        branches.push((condition, self.body(&["elseif", "else", "endif"])?));
        while self.is_name("elseif") {
            self.advance();
            let condition = self.expression()?;
            self.take(&Token::TagEnd)?;
            branches.push((condition, self.body(&["elseif", "else", "endif"])?));
        }
        if self.is_name("else") {
            self.close()?;
            otherwise = self.body(&["endif"])?;
        }
        self.close()?;
        Ok(Node::If { branches, otherwise })
    }

    fn for_tag(&mut self) -> Result<Node, SyntaxError> {
        let name = self.name()?;
        self.take(&Token::Name("in".into()))?;
        let over = self.expression()?;
        self.take(&Token::TagEnd)?;
        let body = self.body(&["else", "endfor"])?;
        let mut otherwise = Vec::new();
        if self.is_name("else") {
            self.close()?;
            otherwise = self.body(&["endfor"])?;
        }
        self.close()?;
        Ok(Node::For { name, over, body, otherwise })
    }

    fn set_tag(&mut self) -> Result<Node, SyntaxError> {
        let name = self.name()?;
        if super::parse::named_literal(&name).is_some() {
            return Err(self.error(format!("Can not assign a value to {name}")));
        }
        self.take(&Token::Punctuation('='))?;
        let value = self.expression()?;
        self.take(&Token::TagEnd)?;
        Ok(Node::Set { name, value })
    }

    fn macro_tag(&mut self) -> Result<(), SyntaxError> {
        let name = self.name()?;
        self.take(&Token::Punctuation('('))?;
        let mut params = Vec::new();
        while !self.is_punctuation(')') {
            if !params.is_empty() {
                self.take(&Token::Punctuation(','))?;
            }
            let param = self.name()?;
            let default = if self.is_punctuation('=') {
                self.advance();
                Some(self.expression()?)
            } else {
                None
            };
            params.push((param, default));
        }
        self.advance();
        self.take(&Token::TagEnd)?;
        let body = self.body(&["endmacro"])?;
        self.close()?;
        self.macros.push(Macro { name, params, body });
        Ok(())
    }

    /// The name of a block, as a word or as a text.
    fn block_name(&mut self) -> Result<Text, SyntaxError> {
        match self.current().clone() {
            Token::Text(name) => {
                self.advance();
                Ok(name)
            }
            _ => self.name(),
        }
    }

    fn block_tag(&mut self) -> Result<Node, SyntaxError> {
        let name = self.block_name()?;
        self.take(&Token::TagEnd)?;
        let body = self.body(&["endblock"])?;
        self.advance();
        if *self.current() != Token::TagEnd {
            self.block_name()?;
        }
        self.take(&Token::TagEnd)?;
        self.blocks.push(Block { name, body });
        Ok(Node::Block(self.blocks.len() - 1))
    }

    fn filter_tag(&mut self) -> Result<Node, SyntaxError> {
        let mut steps = Vec::new();
        loop {
            let start = self.span();
            // Only the name of a filter has no line.
            let is_named = matches!(self.current(), Token::Name(_));
            let told = |error: SyntaxError| if is_named { error.of_filter_tag() } else { error };
            let filter = self.filter().map_err(told)?;
            let args = self.filter_arguments()?;
            steps.push((FilterCall { filter, args }, self.span_from(start)));
            if *self.current() != Token::Operator("|") {
                break;
            }
            self.advance();
        }
        self.take(&Token::TagEnd)?;
        let body = self.body(&["endfilter"])?;
        self.close()?;
        Ok(Node::Filter { body, steps })
    }
}
