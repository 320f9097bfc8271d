package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/results"
)

// slowestRate is one letter in 20 s: a letter is held for [deadletters.Hold] while it waits for its turn.
const slowestRate = 0.05

func (p *program) dlqRedriveCommand() *cobra.Command {
	var (
		flags choiceFlags
		rate  float64
	)
	cmd := &cobra.Command{
		Use:   "redrive QUEUE",
		Short: "Send dead letters back to their queue: one, those that match, or all",
		Long: `Send dead letters back to their queue: one (--job), those that match (--task, --reason, --since), or --all.

Jobs begin anew, with all their attempts; with a results store their records do as well. Each letter is sent before it is
deleted: however this is interrupted, none is lost, and the command can be run again. Malformed letters are refused, since
they would come straight back, unless --reason malformed or --job asks for them.

--all without a results store is a task of SQS itself (StartMessageMoveTask), which goes on when this command is killed; Ctrl-C
cancels it. One that is under way already is followed at its own rate, and not cancelled. It takes malformed letters along.`,
		Example:           "  core dlq redrive default --reason exhausted --task reports.generate --rate 20\n  core dlq redrive default --all",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := flags.filter()
			if err != nil {
				return err
			}
			if math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 || rate > 0 && rate < slowestRate {
				return usagef("--rate %v is invalid: it must be at least %v letters a second, or 0 for no limit", rate, slowestRate)
			}
			return p.withRecords(cmd.Context(), args[0], func(q *deadletters.Queue, store results.Store) error {
				if flags.all && store == nil && rate == float64(int(rate)) && rate <= deadletters.MaxMoveRate {
					return p.move(cmd.Context(), q, int(rate))
				}
				return p.redrive(cmd.Context(), q, deadletters.Redrive{Filter: filter, Rate: rate})
			})
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().Float64Var(&rate, "rate", 0, "how many letters a second (default as fast as it goes)")
	return cmd
}

// move sends all letters back by SQS's own task.
func (p *program) move(ctx context.Context, q *deadletters.Queue, rate int) error {
	show := p.newTally("moved")
	moved, err := q.Move(ctx, rate, show.progress)
	show.done()
	if moved.Joined {
		p.say("this was a move that was under way before, at its own rate")
	}
	switch {
	case errors.Is(err, context.Canceled) && moved.Joined:
		return fmt.Errorf("interrupted: %s moved, and the move goes on; run this again to follow it (%w)",
			letters(moved.Letters), err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: %s moved, and the move cancelled; run it again to go on (%w)",
			letters(moved.Letters), err)
	case err != nil:
		return err
	}
	p.tellHidden(ctx, q)
	return p.print(deadletters.Report{Redriven: moved.Letters}, func(w io.Writer) error {
		return printf(w, "%s moved to %q\n", letters(moved.Letters), q.Source())
	})
}

// redrive sends letters back one by one.
func (p *program) redrive(ctx context.Context, q *deadletters.Queue, r deadletters.Redrive) error {
	show := p.newTally("redriven")
	r.Progress = show.progress
	report, err := q.Redrive(ctx, r)
	show.done()
	if _, missing := errors.AsType[*deadletters.NotFoundError](err); missing {
		return err
	}
	text := func(w io.Writer) error { return printReport(w, q.Source(), report) }
	if printErr := p.print(report, text); printErr != nil {
		return errors.Join(err, printErr)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted; nothing is lost, and the same command goes on where this one ended (%w)", err)
	case err != nil:
		return fmt.Errorf("%w; nothing is lost, and the same command goes on where this one ended", err)
	case report.Refused > 0:
		return fmt.Errorf("%s refused", letters(report.Refused))
	}
	return nil
}

// shownRefusals is how many refusals are named on a terminal; --output json names up to a hundred.
const shownRefusals = 10

func printReport(w io.Writer, source string, r deadletters.Report) error {
	if err := printf(w, "%s sent back to %q\n", letters(r.Redriven), source); err != nil {
		return err
	}
	for _, line := range []struct {
		n    int
		text string
	}{
		{r.Unknown, "that may have been sent back, since the answer was lost; they stay, and the next redrive sends them again"},
		{r.Finished, "deleted: their jobs have succeeded meanwhile"},
		{r.Again, "left whose jobs were redriven a moment ago and are dead again"},
		{r.Others, "left that do not match"},
		{r.Hidden, fmt.Sprintf("held by another process, for up to %v; run this again then", deadletters.Hold)},
		{r.Refused, "refused:"},
	} {
		if line.n == 0 {
			continue
		}
		if err := printf(w, "%s %s\n", letters(line.n), line.text); err != nil {
			return err
		}
	}
	for i, refusal := range r.Refusals {
		if i == shownRefusals {
			return printf(w, "  and %d more\n", r.Refused-i)
		}
		if err := printf(w, "  %s: %s\n", refusal.ID, refusal.Why); err != nil {
			return err
		}
	}
	return nil
}

// tellHidden says that a queue has letters which were left out, since somebody else holds them.
func (p *program) tellHidden(ctx context.Context, q *deadletters.Queue) {
	depth, err := q.Depth(ctx)
	if err == nil && depth.Hidden > 0 {
		p.say("%s held by another process and left out: they are back within %v, unless it is still at work", letters(depth.Hidden), deadletters.Hold)
	}
}

func (p *program) dlqPurgeCommand() *cobra.Command {
	var (
		flags choiceFlags
		yes   bool
	)
	cmd := &cobra.Command{
		Use:               "purge QUEUE",
		Short:             "Delete dead letters for good: one, those that match, or all",
		Long:              "Delete dead letters for good, after asking. Letters that arrive after the question are kept. Records of the jobs stay as they are.",
		Example:           "  core dlq purge default --reason malformed",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := flags.filter()
			if err != nil {
				return err
			}
			return p.withLetters(cmd.Context(), args[0], nil, func(q *deadletters.Queue) error {
				return p.purge(cmd.Context(), q, filter, yes)
			})
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (p *program) purge(ctx context.Context, q *deadletters.Queue, filter deadletters.Filter, yes bool) error {
	if err := p.canAsk(yes); err != nil {
		return err
	}
	var asked []deadletters.Letter // nil: all that are there
	if !yes {
		list, err := q.List(ctx, filter)
		if err != nil {
			return err
		}
		if list.Total == 0 {
			return p.print(purged{}, func(w io.Writer) error { return printLetters(w, list) })
		}
		question := fmt.Sprintf("Delete %s of queue %q, the oldest %s old, for good?", letters(list.Total), q.Name(), age(time.Now(), list.Oldest()))
		if err := p.ask(ctx, question); err != nil {
			return err
		}
		asked = list.Letters
	}
	show := p.newTally("deleted")
	n, err := q.Purge(ctx, filter, asked, show.progress)
	show.done()
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted after %s deleted (%w)", letters(n), err)
	}
	if err != nil {
		return err
	}
	p.tellHidden(ctx, q)
	return p.print(purged{Deleted: n}, func(w io.Writer) error {
		return printf(w, "%s deleted from %q\n", letters(n), q.Name())
	})
}

// purged is what a purge prints as JSON.
type purged struct {
	Deleted int `json:"deleted"`
}
