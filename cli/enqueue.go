package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func (p *program) enqueueCommand() *cobra.Command {
	var countdown time.Duration
	cmd := &cobra.Command{
		Use:   "enqueue TASK [JSON]",
		Short: "Enqueue a job by its task's name and print the job's ID",
		Long: `Enqueue a job by its task's name and print the job's ID.

The parameters are one JSON value; without them they are {}, and with - they are read from standard input.`,
		Example:           "  core enqueue --local reports.generate '{\"user_id\":1,\"report_type\":\"monthly\"}'\n  core enqueue reports.generate --countdown 60s - < params.json",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: p.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			task, err := p.registry.Task(args[0])
			if err != nil {
				return err
			}
			params := []byte("{}")
			switch {
			case len(args) == 2 && args[1] == "-":
				if params, err = io.ReadAll(p.stdin); err != nil {
					return fmt.Errorf("read the parameters from standard input: %w", err)
				}
			case len(args) == 2:
				params = []byte(args[1])
			}
			return p.withClient(cmd.Context(), func(client *sqsqueue.Client) error {
				job, err := task.DelayJSON(cmd.Context(), client, params, tasks.Countdown(countdown))
				if err != nil {
					return err
				}
				return p.print(job, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, job.ID)
					return err
				})
			})
		},
	}
	cmd.Flags().DurationVar(&countdown, "countdown", 0, "wait so long before the job runs, such as 60s or 36h")
	return cmd
}

func (p *program) completeTask(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range p.registry.Tasks() {
		names = append(names, t.Info().Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
