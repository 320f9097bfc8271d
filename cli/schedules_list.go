package cli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/tasks"
)

// nextRuns is how many of a task's next times are listed.
const nextRuns = 5

// A periodicRow is one periodic task in the list.
type periodicRow struct {
	Task     string `json:"task"`
	Queue    string `json:"queue"`
	Schedule string `json:"schedule"`
	Zone     string `json:"zone"`
	// State is what EventBridge says, or empty where it could not be asked.
	State schedules.State `json:"state,omitempty"`
	// Next are the next times at which it is due, in its zone.
	Next []time.Time `json:"next"`
}

func (p *program) schedulesListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the periodic tasks with their state and next five run times",
		Long: `List the periodic tasks with their state and next five run times.

The times are those of the code, in each schedule's zone, and are there without AWS too; the state is what EventBridge says.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows := p.periodicRows(time.Now())
			if len(rows) == 0 {
				p.say("this program has no periodic tasks")
			} else if states, err := p.states(cmd.Context()); err != nil {
				p.say("the states are unknown: %s", oneLine(err))
			} else {
				for i := range rows {
					rows[i].State = states[rows[i].Task]
				}
			}
			return p.print(rows, func(w io.Writer) error { return printPeriodic(w, rows) })
		},
	}
}

func (p *program) states(ctx context.Context) (states map[string]schedules.State, err error) {
	err = p.withSchedules(ctx, func(m *schedules.Manager) error {
		states, err = m.States(ctx, p.registry)
		return err
	})
	return states, err
}

func (p *program) periodicRows(now time.Time) []periodicRow {
	rows := []periodicRow{}
	for _, task := range p.registry.Tasks() {
		info := task.Info()
		if info.Schedule == nil {
			continue
		}
		row := periodicRow{Task: info.Name, Queue: info.Queue, Schedule: info.Schedule.String(), Zone: info.Schedule.Location.String(), Next: []time.Time{}}
		for at := info.Schedule.Next(now); !at.IsZero() && len(row.Next) < nextRuns; at = info.Schedule.Next(at) {
			row.Next = append(row.Next, at)
		}
		rows = append(rows, row)
	}
	return rows
}

func printPeriodic(w io.Writer, rows []periodicRow) error {
	var cells [][]any
	for _, r := range rows {
		state := string(r.State)
		if state == "" {
			state = "unknown"
		}
		first := "never"
		if len(r.Next) > 0 {
			first = clock(r.Next[0])
		}
		cells = append(cells, []any{r.Task, r.Schedule, state, first})
		for i := 1; i < len(r.Next); i++ {
			cells = append(cells, []any{"", "", "", clock(r.Next[i])})
		}
	}
	return table(w, "TASK\tSCHEDULE\tSTATE\tNEXT RUNS", cells...)
}

func clock(t time.Time) string { return t.Format("Mon 2006-01-02 15:04:05 MST") }

// stateCommand is pause or resume.
func (p *program) stateCommand(use, short string, state schedules.State, set func(*schedules.Manager, context.Context, *tasks.Registry, string) error) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             short,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completePeriodic,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withSchedules(cmd.Context(), func(m *schedules.Manager) error {
				if err := set(m, cmd.Context(), p.registry, args[0]); err != nil {
					return err
				}
				data := struct {
					Task  string          `json:"task"`
					State schedules.State `json:"state"`
				}{args[0], state}
				return p.print(data, func(w io.Writer) error {
					return printf(w, "%s is %s\n", data.Task, data.State)
				})
			})
		},
	}
}

func (p *program) completePeriodic(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, task := range p.registry.Tasks() {
		if len(args) == 0 && task.Info().Schedule != nil {
			names = append(names, task.Info().Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
