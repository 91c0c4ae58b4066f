//! Conditions: the 1.x form of a trigger's `when`.

use jiff::civil::Weekday;

use crate::expr::Template;

/// One condition of a trigger. One that cannot be rendered does not hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Holds when the rendered text is neither blank nor `false` (so `0` holds, unlike in `when`).
    Expression {
        /// The expression.
        expression: Template,
    },
    /// Holds when none of the inner ones does.
    Not {
        /// The inner ones.
        conditions: Vec<Condition>,
    },
    /// Holds when one of the inner ones does.
    Or {
        /// The inner ones.
        conditions: Vec<Condition>,
    },
    /// Holds on one day of the week.
    DayWeek {
        /// The date to look at.
        date: Template,
        /// The day.
        day_of_week: Weekday,
    },
    /// Holds on the nth such day of a month.
    DayWeekInMonth {
        /// The date to look at.
        date: Template,
        /// The day.
        day_of_week: Weekday,
        /// Which of the month.
        day_in_month: DayInMonth,
    },
    /// Holds strictly between two points in time. At least one limit is given.
    DateTimeBetween {
        /// The date to look at.
        date: Template,
        /// Later than this.
        after: Option<Template>,
        /// Earlier than this.
        before: Option<Template>,
    },
    /// Holds strictly between two times of a day, each with an offset. At least one limit is given.
    TimeBetween {
        /// The date to look at.
        date: Template,
        /// Later than this.
        after: Option<Template>,
        /// Earlier than this.
        before: Option<Template>,
    },
    /// Holds on Saturday and Sunday.
    Weekend {
        /// The date to look at.
        date: Template,
    },
}

/// Which of the days of a month with one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayInMonth {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// The fourth.
    Fourth,
    /// The last, be it the fourth or the fifth.
    Last,
}
