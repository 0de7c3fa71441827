// SPDX-License-Identifier: GPL-2.0
//! The manual pages of `filterctl`, from the definition of its command line: a page for each command.

mod help_text;
mod render;

use std::io::{self, Write};

use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use roff::{bold, roman, Roff};

use self::help_text::{Block, Item, Section};
use crate::configuration;
use crate::uapi::HTTP_FILTER_SYSFS;

/// The section of the manual that commands of the system's administrator are in.
const MANUAL_SECTION: &str = "8";

/// Where the module itself is described.
const MODULE_PAGE: &str = "http_filter(4)";

// Sections in the order of man-pages(7). What has another name stands before the first of them.
const JSON_OUTPUT: &str = "JSON OUTPUT";
const EXIT_STATUS: &str = "EXIT STATUS";
const FILES: &str = "FILES";
const EXAMPLES: &str = "EXAMPLES";
const ORDER: [&str; 4] = [JSON_OUTPUT, EXIT_STATUS, FILES, EXAMPLES];

/// The module's file, where `make install` puts it.
const MODULE_FILE: &str = "/lib/modules/RELEASE/updates/http_filter.ko";

/// A manual page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Such as `filterctl-status.8`.
    pub(crate) file_name: String,
    /// In roff.
    pub(crate) text: Vec<u8>,
}

/// A page for each command that is shown, `command` itself first; they are of this `date`.
pub(crate) fn pages(mut command: Command, date: &str) -> io::Result<Vec<Page>> {
    command.build();
    let writer = Writer {
        version: format!(
            "{} {}",
            command.get_name(),
            command.get_version().unwrap_or_default()
        ),
        statuses: statuses(&command),
        root: &command,
        date,
    };
    let mut pages = Vec::new();
    writer.write(&command, None, &mut pages)?;
    Ok(pages)
}

/// What all pages have in common.
struct Writer<'a> {
    /// `filterctl` itself.
    root: &'a Command,
    /// Its name and version.
    version: String,
    /// The exit statuses of all commands.
    statuses: Vec<Item>,
    date: &'a str,
}

impl Writer<'_> {
    /// Adds the page of a command, which is one of `parent`, and those of its own commands.
    fn write(
        &self,
        command: &Command,
        parent: Option<&Command>,
        pages: &mut Vec<Page>,
    ) -> io::Result<()> {
        let subject = command
            .clone()
            .override_usage(synopsis(command))
            .subcommand_help_heading("COMMANDS");
        let man = Man::new(subject)
            .title(page_name(command).to_uppercase())
            .section(MANUAL_SECTION)
            .date(self.date)
            .source(self.version.as_str())
            .manual("System Manager's Manual");
        let mut text = Text::default();
        text.add(|out| man.render_title(out))?;
        text.add(|out| man.render_name_section(out))?;
        text.add(|out| man.render_synopsis_section(out))?;

        let (description, sections) = self.sections(command);
        text.add(|out| render::section(&description).to_writer(out))?;
        text.add(|out| man.render_options_section(out))?;
        if commands(command).next().is_some() {
            text.add(|out| man.render_subcommands_section(out))?;
        }
        for section in &sections {
            text.add(|out| render::section(section).to_writer(out))?;
        }
        text.add(|out| self.see_also(command, parent).to_writer(out))?;
        pages.push(Page {
            file_name: man.get_filename(),
            text: text.0,
        });
        for subcommand in commands(command) {
            self.write(subcommand, Some(command), pages)?;
        }
        Ok(())
    }

    /// The description, and all sections but those that are made from options and commands.
    fn sections(&self, command: &Command) -> (Section, Vec<Section>) {
        let about = command.get_about().map(ToString::to_string);
        let mut description = Section::new("DESCRIPTION");
        description.blocks.extend(
            about.map(|about| Block::Paragraph(format!("{}.", about.trim_end_matches('.')))),
        );
        let mut sections = Vec::new();
        for mut section in help_text::sections(&self.help_text(command)) {
            match section.title.as_str() {
                "" => description.blocks.append(&mut section.blocks),
                // What holds for all commands is said below.
                EXIT_STATUS if self.is_root(command) => {}
                _ => sections.push(section),
            }
        }
        if self.is_root(command) {
            description.blocks.push(Block::Paragraph(format!(
                "Without a command, it shows the status. {MODULE_PAGE} tells what the module does."
            )));
        }
        self.add_statuses(&mut sections);
        sections.extend(files(command.get_name()));
        sections.sort_by_key(|section| {
            let place = ORDER.iter().position(|&title| title == section.title);
            place.map_or(0, |place| place + 1)
        });
        (description, sections)
    }

    fn is_root(&self, command: &Command) -> bool {
        page_name(command) == page_name(self.root)
    }

    /// What `--help` says below the options; where it refers to the help of another command, its page.
    fn help_text(&self, command: &Command) -> String {
        let text = command.get_after_help().map(ToString::to_string);
        let mut text = text.unwrap_or_default();
        for other in commands(self.root) {
            let help = format!("\"{} {} --help\"", self.root.get_name(), other.get_name());
            text = text.replace(&help, &reference(other));
        }
        text
    }

    /// Adds the exit statuses of all commands to what a command says of its own.
    fn add_statuses(&self, sections: &mut Vec<Section>) {
        let all = Block::List(self.statuses.clone());
        match sections
            .iter_mut()
            .find(|section| section.title == EXIT_STATUS)
        {
            Some(section) => section.blocks.extend([
                Block::Paragraph("These are the same for all commands:".to_owned()),
                all,
            ]),
            None => sections.push(Section {
                blocks: vec![all],
                ..Section::new(EXIT_STATUS)
            }),
        }
    }

    /// The pages to go on with.
    fn see_also(&self, command: &Command, parent: Option<&Command>) -> Roff {
        let mut pages = vec![MODULE_PAGE.to_owned()];
        if !self.is_root(command) {
            pages.push(reference(self.root));
        }
        if let Some(parent) = parent.filter(|parent| !self.is_root(parent)) {
            let others = commands(parent);
            let others = others.filter(|other| other.get_name() != command.get_name());
            pages.push(reference(parent));
            pages.extend(others.map(reference));
        }
        pages.extend(commands(command).map(reference));
        let mut roff = Roff::new();
        roff.control("SH", ["SEE ALSO"]);
        let mut line = Vec::new();
        for (index, page) in pages.iter().enumerate() {
            let (name, section) = page.split_at(page.find('(').unwrap_or(page.len()));
            let separator = if index == 0 { "" } else { ", " };
            line.extend([roman(separator), bold(name), roman(section)]);
        }
        roff.text(line);
        roff
    }
}

/// A page as it grows, of parts that each begin with what roff's crate puts before its text.
#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    fn add(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut part = Vec::new();
        write(&mut part)?;
        if self.0.is_empty() {
            self.0 = b".\\\" SPDX-License-Identifier: GPL-2.0\n".to_vec();
            self.0.append(&mut part);
        } else {
            let preamble = Roff::new().render();
            let own = part.strip_prefix(preamble.as_bytes()).unwrap_or(&part);
            self.0.extend_from_slice(own);
        }
        Ok(())
    }
}

/// The commands of a command that are shown.
fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
}

/// The name of a command's page: `filterctl-rules-add`.
fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// A page as others refer to it: `filterctl-rules-add(8)`.
fn reference(command: &Command) -> String {
    format!("{}({MANUAL_SECTION})", page_name(command))
}

/// The ways to give a command, one a line.
fn synopsis(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut forms = Vec::new();
    if !command.is_subcommand_required_set() {
        let shown = || {
            command
                .get_arguments()
                .filter(|argument| !argument.is_hide_set())
        };
        let options = shown().filter(|argument| !argument.is_positional());
        let positionals = shown().filter(|argument| argument.is_positional());
        let words = options.chain(positionals).filter_map(usage);
        forms.push(words.fold(name.to_owned(), |form, word| form + " " + &word));
    }
    if commands(command).next().is_some() {
        forms.push(format!("{name} COMMAND ..."));
    }
    forms.join("\n")
}

/// An argument as it may be given: `[-f|--follow]`, `[--port PORT]...`, `FILE...`. `None` for those that
/// only tell of the command.
fn usage(argument: &Arg) -> Option<String> {
    let is_about = matches!(argument.get_action(), ArgAction::Help | ArgAction::Version);
    if is_about {
        return None;
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let value = argument.get_num_args().filter(|range| range.takes_values());
    let value = value.map(|_| argument.get_value_names().unwrap_or_default().join(" "));
    let parts = [
        Some(flags.join("|")).filter(|flags| !flags.is_empty()),
        value,
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let text = if argument.is_required_set() {
        text
    } else {
        format!("[{text}]")
    };
    let is_repeated = matches!(argument.get_action(), ArgAction::Append);
    Some(if is_repeated { text + "..." } else { text })
}

/// The exit statuses of all commands, from the help of `filterctl` itself: "0 done, 1 failed, ...".
fn statuses(root: &Command) -> Vec<Item> {
    let help = root.get_after_help().map(ToString::to_string);
    let mut sections = help_text::sections(&help.unwrap_or_default());
    sections.retain(|section| section.title == EXIT_STATUS);
    let blocks = sections.iter().flat_map(|section| &section.blocks);
    let texts = blocks.filter_map(|block| match block {
        Block::Indented(text) => Some(text),
        _ => None,
    });
    let statuses = texts
        .flat_map(|text| text.split(", "))
        .filter_map(|status| status.split_once(' '));
    statuses
        .map(|(status, meaning)| Item::new(status, meaning))
        .collect()
}

/// The files that a command is about.
fn files(command: &str) -> Option<Section> {
    let sysfs = || {
        Item::new(
            &format!("{HTTP_FILTER_SYSFS}/"),
            &format!("The settings, and in stats/ the counters: see {MODULE_PAGE}."),
        )
    };
    let module = || Item::new(MODULE_FILE, "The module, where \"make install\" puts it.");
    let configuration = || {
        Item::new(
            configuration::FILE,
            "The configuration: see http_filter.toml(5).",
        )
    };
    let items = match command {
        "filterctl" => vec![sysfs(), configuration(), module()],
        "status" | "enable" | "disable" | "get" | "set" | "reset" | "rules" => vec![sysfs()],
        "diff" | "apply" | "save" => vec![sysfs(), configuration()],
        "load" => vec![configuration(), module()],
        "doctor" => vec![module()],
        _ => return None,
    };
    Some(Section {
        blocks: vec![Block::List(items)],
        ..Section::new(FILES)
    })
}
