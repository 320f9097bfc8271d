// Command client enqueues reports from a process of its own, as a web server would: it needs the tasks' definitions and
// a queue, and neither their files nor a worker.
//
// It finds SQS as every AWS program does (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_SQS and so on), and the queues by
// CORE_QUEUE_PREFIX. It prints the ID of each job on a line of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("read the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return errors.New("no AWS region is set; set AWS_REGION")
	}
	queue, err := sqsqueue.New(sqsqueue.NewAPI(cfg), sqsqueue.Config{Prefix: os.Getenv("CORE_QUEUE_PREFIX")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeQueue(queue)) }()
	return enqueue(ctx, queue)
}

// closeQueue has a context of its own, since the program's may have ended.
func closeQueue(queue *sqsqueue.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return queue.Close(ctx)
}

// enqueue returns when the queue has every job; whoever calls it need not wait for the reports.
func enqueue(ctx context.Context, queue tasks.Sender) error {
	// One job, and a mail with its report half a minute later.
	job, err := reports.Generate.Delay(ctx, queue, reports.Params{UserID: 1, ReportType: "monthly"})
	if err != nil {
		return err
	}
	fmt.Println(job.ID)
	mail, err := reports.Email.Delay(ctx, queue,
		reports.EmailParams{UserID: 1, ReportType: "monthly", JobID: job.ID}, tasks.Countdown(30*time.Second))
	if err != nil {
		return err
	}
	fmt.Println(mail.ID)

	// Many jobs in one call, in as few requests as SQS allows.
	var many []reports.Params
	for userID := int64(1); userID <= 4; userID++ {
		many = append(many,
			reports.Params{UserID: userID, ReportType: "daily"}, reports.Params{UserID: userID, ReportType: "yearly"})
	}
	jobs, err := reports.Generate.DelayMany(ctx, queue, many)
	failed := map[int]bool{}
	if bulk, ok := errors.AsType[*tasks.BulkError](err); ok {
		// The others are on the queue; each of these may be tried again.
		for _, item := range bulk.Items {
			failed[item.Index] = true
			fmt.Fprintf(os.Stderr, "client: %+v: %v\n", many[item.Index], item.Err)
		}
	}
	for i, job := range jobs {
		if !failed[i] {
			fmt.Println(job.ID)
		}
	}
	return err
}
