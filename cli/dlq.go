package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func (p *program) dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, send them back to their queue, delete them",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("name one of: list, show, redrive, purge")
		},
	}
	cmd.AddCommand(p.dlqListCommand(), p.dlqShowCommand(), p.dlqRedriveCommand(), p.dlqPurgeCommand())
	return cmd
}

// letterFlags say which letters are meant.
type letterFlags struct {
	task, reason string
	since        time.Duration
	flags        *pflag.FlagSet
}

func (f *letterFlags) add(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.task, "task", "", "only letters of this task")
	textVar(flags, &f.reason, "reason", "", optional(oneOf(reasons())),
		"only letters with this reason: permanent, exhausted, timeout, panic, unknown-task, malformed or max-receives")
	lengthVar(flags, &f.since, "since", 0, unbounded, "only letters of jobs that failed within this time, such as 2h or 3d, "+
		"and those that SQS moved, of which nobody knows when")
}

func reasons() []tasks.Reason {
	return []tasks.Reason{
		tasks.ReasonPermanent, tasks.ReasonExhausted, tasks.ReasonTimeout, tasks.ReasonPanic, tasks.ReasonUnknownTask, tasks.ReasonMalformed,
		deadletters.ReasonMaxReceives,
	}
}

// choiceFlags say which letters are meant where that must be said: one, some, or all.
type choiceFlags struct {
	letterFlags
	job string
	all bool
}

func (f *choiceFlags) add(flags *pflag.FlagSet) {
	f.letterFlags.add(flags)
	flags.StringVar(&f.job, "job", "", "only the letter of this job (of a malformed message: its message ID)")
	flags.BoolVar(&f.all, "all", false, "all letters")
}

func (f *choiceFlags) filter() (deadletters.Filter, error) {
	filter, err := f.letterFlags.filter()
	if err != nil {
		return filter, err
	}
	filter.ID = f.job
	switch chosen := filter != (deadletters.Filter{}); {
	case !chosen && !f.all:
		return filter, usagef("say which letters: --job, --task, --reason, --since, or --all")
	case chosen && f.all:
		return filter, usagef("--all and a choice of letters exclude each other")
	}
	return filter, nil
}

func (f *letterFlags) filter() (deadletters.Filter, error) {
	filter := deadletters.Filter{Task: f.task, Reason: tasks.Reason(f.reason)}
	if f.flags.Changed("since") {
		if f.since <= 0 {
			return filter, usagef("--since %v is invalid: it must be more than 0", f.since)
		}
		filter.Since = time.Now().Add(-f.since)
	}
	return filter, nil
}

func (p *program) unknownQueue(queue string) error {
	return &sqsqueue.UnknownQueueError{Queue: queue, Known: p.queueList(sqsqueue.WorkerConfig{})}
}

// withLetters calls do with the dead letters of a queue.
func (p *program) withLetters(ctx context.Context, queue string, records results.Store, do func(*deadletters.Queue) error) error {
	if !slices.Contains(p.queueList(sqsqueue.WorkerConfig{}), queue) {
		return p.unknownQueue(queue)
	}
	api, err := p.api(ctx, oneShot)
	if err != nil {
		return err
	}
	cfg := deadletters.Config{Prefix: p.settings.prefix}
	if records != nil {
		cfg.Records = records
	}
	letters, err := deadletters.Open(ctx, api, queue, cfg)
	if err == nil {
		err = do(letters)
	}
	return p.hint(err)
}

// withRecords is withLetters with the records that the flags ask for, or without any.
func (p *program) withRecords(ctx context.Context, queue string, do func(*deadletters.Queue, results.Store) error) error {
	return p.withAnyStore(ctx, func(store results.Store) error {
		return p.withLetters(ctx, queue, store, func(letters *deadletters.Queue) error { return do(letters, store) })
	})
}

func (p *program) dlqListCommand() *cobra.Command {
	var (
		flags letterFlags
		limit int
	)
	cmd := &cobra.Command{
		Use:   "list QUEUE",
		Short: "Count dead letters by reason and task, and list them",
		Long: `Count the dead letters of a queue by reason and task, and list them, newest first.

SQS shows a message only to who receives it. All letters are held for the moment that this takes, and given back; should the
command be killed, they are back within 30 s.`,
		Example:           "  core dlq list default --reason exhausted --since 2h",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := flags.filter()
			if err != nil {
				return err
			}
			return p.withLetters(cmd.Context(), args[0], nil, func(q *deadletters.Queue) error {
				list, err := q.List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				if list.Hidden > 0 {
					p.say("%s held by another process for up to %v could not be looked at", letters(list.Hidden), deadletters.Hold)
				}
				if limit > 0 && len(list.Letters) > limit {
					list.Letters = list.Letters[:limit]
				}
				return p.print(list, func(w io.Writer) error { return printLetters(w, list) })
			})
		},
	}
	flags.add(cmd.Flags())
	numberVar(cmd.Flags(), &limit, "limit", 20, bound[int]{},
		"how many letters to list, 0 for all; they are counted all the same")
	return cmd
}

func printLetters(w io.Writer, list deadletters.Listing) error {
	if list.Total == 0 {
		return printf(w, "%s in %q\n", letters(0), list.Queue)
	}
	now := time.Now()
	err := printf(w, "%s in %q, the oldest %s old\n\n", letters(list.Total), list.Queue, age(now, list.Oldest()))
	if err != nil {
		return err
	}
	rows := make([][]any, len(list.Counts))
	for i, c := range list.Counts {
		rows[i] = []any{c.Reason, orDash(c.Task), c.Letters, age(now, c.Oldest), age(now, c.Newest)}
	}
	if err := table(w, "REASON\tTASK\tLETTERS\tOLDEST\tNEWEST", rows...); err != nil {
		return err
	}
	rows = make([][]any, len(list.Letters))
	for i, l := range list.Letters {
		text := l.FirstLine()
		if text == "" {
			text = l.Malformed
		}
		rows[i] = []any{l.ID(), orDash(l.Task), l.Reason, l.Attempts, l.FailedAt.Local().Format(time.DateTime), shortened(text, 80)}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := table(w, "JOB\tTASK\tREASON\tATTEMPTS\tFAILED\tERROR", rows...); err != nil {
		return err
	}
	if more := list.Total - len(list.Letters); more > 0 {
		return printf(w, "and %d more: --limit 0 lists all; --task, --reason and --since choose\n", more)
	}
	return nil
}

// letters is a number of dead letters, in words.
func letters(n int) string {
	switch n {
	case 0:
		return "no dead letters"
	case 1:
		return "1 dead letter"
	}
	return fmt.Sprintf("%d dead letters", n)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// shortened cuts a line to a number of characters.
func shortened(text string, limit int) string {
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

// age is how long ago something was, in its two largest units.
func age(now, at time.Time) string {
	d := max(now.Sub(at), 0)
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func (p *program) dlqShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show QUEUE ID",
		Short: "Print one dead letter: envelope and error",
		Long:  "Print one dead letter: its job's envelope, parameters included, and the whole error.\nThe ID is the job's; of a malformed message, which has none, it is the message's, as 'dlq list' shows it.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withLetters(cmd.Context(), args[0], nil, func(q *deadletters.Queue) error {
				letter, err := q.Find(cmd.Context(), args[1])
				if err != nil {
					return err
				}
				return p.print(letter, func(w io.Writer) error { return printLetter(w, letter) })
			})
		},
	}
}

func printLetter(w io.Writer, l deadletters.Letter) error {
	var indented bytes.Buffer
	body := strings.ReplaceAll(escape(l.Body, false), "\t", "    ")
	if json.Indent(&indented, []byte(l.Body), "", "  ") == nil {
		body = escape(indented.String(), true)
	}
	return fields(w,
		field{"job", l.JobID, l.JobID != ""},
		field{"message", l.MessageID, true},
		field{"task", l.Task, l.Task != ""},
		field{"reason", l.Reason, true},
		field{"attempts", l.Attempts, true},
		field{"enqueued", l.EnqueuedAt.Local().Format(time.DateTime), !l.EnqueuedAt.IsZero()},
		field{"failed", l.FailedAt.Local().Format(time.DateTime), true},
		field{"malformed", l.Malformed, l.Malformed != ""},
		field{"error", passage(l.Error), l.Error != ""},
		field{"envelope", code("\n" + body), true},
	)
}
