package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/sqsqueue"
)

func (p *program) queuesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queues",
		Short: "Create, look at and empty the queues of the tasks",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name one of: apply, list, purge")
		},
	}
	cmd.AddCommand(p.queuesApplyCommand(), p.queuesListCommand(), p.queuesPurgeCommand())
	return cmd
}

func (p *program) queuesApplyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "apply",
		Short: "Create or update each queue with its dead-letter queue and redrive policy",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withClient(cmd.Context(), func(client *sqsqueue.Client) error {
				changes, err := sqsqueue.Apply(cmd.Context(), client, p.registry)
				if err != nil {
					return err
				}
				return p.print(changes, func(w io.Writer) error {
					rows := make([][]any, len(changes))
					for i, c := range changes {
						rows[i] = []any{c.Queue, c.Action, strings.Join(c.Settings, ", ")}
					}
					return table(w, "QUEUE\tACTION\tSETTINGS", rows...)
				})
			})
		},
	}
}

func (p *program) queuesListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Count the messages of each queue, approximately, as SQS does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withClient(cmd.Context(), func(client *sqsqueue.Client) error {
				depths, err := sqsqueue.Depths(cmd.Context(), client, p.registry)
				if err != nil {
					return err
				}
				return p.print(depths, func(w io.Writer) error {
					rows := make([][]any, len(depths))
					for i, d := range depths {
						rows[i] = []any{d.Queue, d.Waiting, d.Delayed, d.InFlight, d.Dead}
						if d.Missing {
							rows[i] = []any{d.Queue, "missing: create it with '" + p.command(sqsqueue.MendApply) + "'"}
						}
					}
					return table(w, "QUEUE\tWAITING\tDELAYED\tIN FLIGHT\tDEAD", rows...)
				})
			})
		},
	}
}
