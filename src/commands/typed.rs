//! What was typed, told apart from what variables say: a variable that is meant for other commands neither wins nor offends.

use clap::{ArgMatches, parser::ValueSource};

/// Whether this argument was typed. To be asked before the arguments are taken out of the matches.
pub(crate) fn is_typed(matches: &ArgMatches, argument: &str) -> bool {
    matches.value_source(argument) == Some(ValueSource::CommandLine)
}

/// Whether this argument was given at all: typed, or by its variable.
pub(crate) fn is_given(matches: &ArgMatches, argument: &str) -> bool {
    matches!(matches.value_source(argument), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// Makes a type that only looks at the matches a part of the arguments. It stands before what it looks at.
macro_rules! looks_at_arguments {
    ($looking:ty, $look:path) => {
        impl clap::FromArgMatches for $looking {
            fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
                $look(matches)
            }

            fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
                *self = $look(matches)?;
                Ok(())
            }
        }

        impl clap::Args for $looking {
            fn augment_args(command: clap::Command) -> clap::Command {
                command
            }

            fn augment_args_for_update(command: clap::Command) -> clap::Command {
                command
            }
        }
    };
}

pub(crate) use looks_at_arguments;
