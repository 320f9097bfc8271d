package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/sqsqueue"
)

// purgeLook is how often a purge is tried while another one is not a minute old.
const purgeLook = 5 * time.Second

func (p *program) queuesPurgeCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "purge QUEUE",
		Short: "Delete all jobs of a queue, also those that run",
		Long: `Delete all jobs of a queue, after asking: those that wait, are delayed, or run (which go on, but are not tried again).

SQS takes up to a minute, and jobs that are enqueued meanwhile may be lost as well. It purges a queue once a minute; this
command waits until it may. Dead letters and records stay as they are.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeQueue,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(p.queueList(sqsqueue.WorkerConfig{}), args[0]) {
				return p.unknownQueue(args[0])
			}
			if err := p.canAsk(yes); err != nil {
				return err
			}
			api, err := p.api(cmd.Context(), oneShot)
			if err != nil {
				return err
			}
			return p.withClient(cmd.Context(), func(client *sqsqueue.Client) error {
				return p.purgeQueue(cmd.Context(), client, api, args[0], yes)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (p *program) purgeQueue(ctx context.Context, client *sqsqueue.Client, api sqsqueue.PurgeAPI, queue string, yes bool) error {
	depths, err := sqsqueue.Depths(ctx, client, p.registry)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(depths, func(d sqsqueue.Depth) bool { return d.Queue == client.FullName(queue) })
	d := depths[i]
	question := fmt.Sprintf("Delete about %d jobs of queue %q for good: %d waiting, %d delayed, %d running? What is enqueued within the next minute may be lost too.",
		d.Waiting+d.Delayed+d.InFlight, d.Queue, d.Waiting, d.Delayed, d.InFlight)
	if !yes {
		if err := p.ask(ctx, question); err != nil {
			return err
		}
	}
	told := false
	for until := time.Now().Add(sqsqueue.PurgeTime + purgeLook); ; {
		err := sqsqueue.Purge(ctx, client, api, queue)
		if !errors.Is(err, sqsqueue.ErrPurging) || time.Now().After(until) {
			if err != nil {
				return err
			}
			break
		}
		if !told {
			p.say("queue %q was purged less than a minute ago; waiting until SQS allows the next purge", d.Queue)
			told = true
		}
		select {
		case <-time.After(purgeLook):
		case <-ctx.Done():
			return fmt.Errorf("interrupted; nothing was deleted (%w)", context.Cause(ctx))
		}
	}
	return p.print(d, func(w io.Writer) error {
		jobs := d.Waiting + d.Delayed + d.InFlight
		return printf(w, "queue %q is being purged: about %d jobs; SQS takes up to a minute\n", d.Queue, jobs)
	})
}
