package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/schedules"
)

func (p *program) schedulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedules",
		Short: "Bring EventBridge's schedules in line with the periodic tasks; list, pause and run them",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("name one of: plan, apply, list, pause, resume, run")
		},
	}
	cmd.AddCommand(p.schedulesPlanCommand(), p.schedulesApplyCommand(), p.schedulesListCommand(),
		p.schedulesPauseCommand(), p.schedulesResumeCommand(), p.schedulesRunCommand())
	return cmd
}

func (p *program) schedulesPlanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan",
		Short: "Show what 'apply' would do; exit code 2 when there are changes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withSchedules(cmd.Context(), func(m *schedules.Manager) error {
				plan, err := m.Plan(cmd.Context(), p.registry)
				if err != nil {
					return err
				}
				if err := p.print(plan, func(w io.Writer) error { return printPlan(w, plan, p.colours(), plannedWords) }); err != nil {
					return err
				}
				if !plan.Empty() {
					return errChanges
				}
				return nil
			})
		},
	}
}

func (p *program) schedulesApplyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Create, update and delete schedules so that EventBridge holds what the code says",
		Long: `Create, update and delete schedules so that EventBridge holds what the code says.

Only the application's own schedule group is touched. A paused schedule stays paused. On AWS, EventBridge needs a role
to put messages on the queues: --scheduler-role-arn or CORE_SCHEDULER_ROLE_ARN.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withSchedules(cmd.Context(), func(m *schedules.Manager) error {
				done, err := m.Apply(cmd.Context(), p.registry)
				if done == nil || err != nil && done.Empty() {
					return err
				}
				if printErr := p.print(done, func(w io.Writer) error { return printPlan(w, done, p.colours(), appliedWords) }); err == nil {
					err = printErr
				}
				return err
			})
		},
	}
}

// planWords is how a plan reads before it is done, or after.
type planWords struct{ create, update, remove, group, none string }

var (
	plannedWords = planWords{"to create", "to change", "to delete", "does not exist yet", "No changes"}
	appliedWords = planWords{"created", "changed", "deleted", "created", "Nothing to do"}
)

// colours of a terminal, each empty where there is none.
type colours struct{ green, yellow, red, end code }

// colours are those of standard output.
func (p *program) colours() colours {
	if _, ok := terminal(p.stdout); !ok || os.Getenv("NO_COLOR") != "" {
		return colours{}
	}
	return colours{green: "\x1b[32m", yellow: "\x1b[33m", red: "\x1b[31m", end: "\x1b[0m"}
}

// maxShown is how many characters of a setting are shown.
const maxShown = 120

func printPlan(w io.Writer, plan *schedules.Plan, c colours, words planWords) error {
	out := &lines{w: beneath(w)} // for the colours
	if plan.Empty() {
		out.say("%s: %d schedules of group %q are as the code says.", words.none, plan.Unchanged, plan.Group)
		return out.err
	}
	if plan.CreateGroup {
		out.say("%s+%s group %s (%s)", c.green, c.end, plan.Group, words.group)
	}
	for _, change := range plan.Changes {
		note := ""
		if change.Paused {
			note = " (paused, and stays so)"
		}
		switch change.Action {
		case schedules.Create:
			out.say("%s+%s %s", c.green, c.end, change.Schedule)
			for _, f := range change.Fields {
				out.say("      %-18s %s", f.Name, clip(f.Want))
			}
		case schedules.Update:
			out.say("%s~%s %s%s", c.yellow, c.end, change.Schedule, note)
			for _, f := range change.Fields {
				out.say("      %-18s %s -> %s", f.Name, clip(f.Have), clip(f.Want))
			}
		case schedules.Delete:
			out.say("%s-%s %s", c.red, c.end, change.Schedule)
		}
	}
	out.say("Group %q: %d %s, %d %s, %d %s, %d unchanged.", plan.Group, plan.Count(schedules.Create), words.create,
		plan.Count(schedules.Update), words.update, plan.Count(schedules.Delete), words.remove, plan.Unchanged)
	return out.err
}

func clip(text string) string {
	if text == "" {
		return "none"
	}
	return shortened(text, maxShown)
}

// lines writes lines until one fails.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) say(format string, args ...any) {
	if l.err == nil {
		l.err = printf(l.w, format+"\n", args...)
	}
}

func (p *program) schedulesPauseCommand() *cobra.Command {
	return p.stateCommand("pause NAME", "Keep a periodic task from being fired until 'resume'; 'apply' leaves it paused", schedules.Paused, (*schedules.Manager).Pause)
}

func (p *program) schedulesResumeCommand() *cobra.Command {
	return p.stateCommand("resume NAME", "Let a paused periodic task be fired again", schedules.Enabled, (*schedules.Manager).Resume)
}

func (p *program) schedulesRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "run NAME",
		Short:             "Run a periodic task once now, beside its schedule, and print the job's ID",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completePeriodic,
		RunE: func(cmd *cobra.Command, args []string) error {
			task, err := schedules.Periodic(p.registry, args[0])
			if err != nil {
				return err
			}
			return p.enqueueWithRecord(cmd.Context(), task, []byte("{}"))
		},
	}
}

// applyLocal brings the embedded scheduler in line with the tasks.
func (p *program) applyLocal(ctx context.Context, api schedules.API, queues schedules.Queues) error {
	manager, err := p.manager(api, queues, localRole)
	if err != nil {
		return err
	}
	_, err = manager.Apply(ctx, p.registry)
	return err
}
