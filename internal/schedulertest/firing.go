package schedulertest

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var firingTests = []func(*check){
	firesOnce, firesInItsZone, firesARateAtOnce, deletesItself, doesNotFireWhileDisabled, contextAttributes, firesAUniversalTarget,
	firesABatch, deadLetter,
}

// within is how long a firing may take: the service fires within the minute.
const within = 90 * time.Second

type queue struct {
	*check
	url, arn string
}

func (c *check) queue() queue {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 3*within)
	c.Cleanup(cancel)
	c.Ctx = ctx // longer than other tests
	out, err := c.Queues.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: aws.String(newName())})
	c.OK(err, "CreateQueue")
	attrs, err := c.Queues.GetQueueAttributes(c.Ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: out.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	c.OK(err, "GetQueueAttributes")
	c.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience)
		defer cancel()
		_, _ = c.Queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	})
	return queue{c, *out.QueueUrl, attrs.Attributes["QueueArn"]}
}

// get waits for a message, or gives nil after a time.
func (q queue) get(patience time.Duration) *sqstypes.Message {
	q.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		out, err := q.Queues.ReceiveMessage(q.Ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.url, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		q.OK(err, "ReceiveMessage")
		if len(out.Messages) > 0 {
			_, err := q.Queues.DeleteMessage(q.Ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: out.Messages[0].ReceiptHandle})
			q.OK(err, "DeleteMessage")
			return &out.Messages[0]
		}
	}
	return nil
}

// message waits for the firing of a schedule.
func (q queue) message() *sqstypes.Message {
	q.Helper()
	m := q.get(within)
	if m == nil {
		q.Fatalf("the schedule did not fire within %v", within)
	}
	return m
}

// once creates a one-time schedule that fires into a queue.
func (c *check) once(q queue, at time.Time, change func(*scheduler.CreateScheduleInput)) *scheduler.CreateScheduleInput {
	c.Helper()
	group, _ := c.group()
	in := never(group)
	in.ScheduleExpression = aws.String("at(" + at.Format("2006-01-02T15:04:05") + ")")
	in.Target.Arn = &q.arn
	if change != nil {
		change(in)
	}
	c.create(in)
	return in
}

func firesOnce(c *check) {
	q, at := c.queue(), soon()
	c.once(q, at, nil)
	m := q.message()
	same(c, "the body", *m.Body, "hello")
	if early := time.Until(at); early > 100*time.Millisecond {
		c.Errorf("it fired %v early", early)
	}
	if again := q.get(3 * time.Second); again != nil {
		c.Errorf("it fired twice")
	}
}

func firesInItsZone(c *check) {
	q := c.queue()
	zone, err := time.LoadLocation("Asia/Kolkata")
	c.OK(err, "LoadLocation")
	c.once(q, soon().In(zone), func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Asia/Kolkata") })
	q.message()
}

func firesARateAtOnce(c *check) {
	q := c.queue()
	c.once(q, time.Time{}, func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = aws.String("rate(30 days)") })
	q.message()
}

func deletesItself(c *check) {
	q := c.queue()
	in := c.once(q, soon(), func(in *scheduler.CreateScheduleInput) { in.ActionAfterCompletion = types.ActionAfterCompletionDelete })
	q.message()
	c.Eventually("the schedule is gone", func() bool {
		_, err := c.API.GetSchedule(c.Ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: in.GroupName})
		return err != nil
	})
}

func doesNotFireWhileDisabled(c *check) {
	q := c.queue()
	c.once(q, soon(), func(in *scheduler.CreateScheduleInput) { in.State = types.ScheduleStateDisabled })
	if q.get(6*time.Second) != nil {
		c.Errorf("a disabled schedule fired")
	}
}

func contextAttributes(c *check) {
	q, at := c.queue(), soon()
	in := c.once(q, at, func(in *scheduler.CreateScheduleInput) {
		in.Target.Input = aws.String("<aws.scheduler.scheduled-time> <aws.scheduler.attempt-number> <aws.scheduler.schedule-arn> <aws.scheduler.execution-id>")
	})
	f := strings.Fields(*q.message().Body)
	if len(f) != 4 {
		c.Fatalf("got %q", f)
	}
	same(c, "scheduled-time", f[0], at.Format(time.RFC3339))
	same(c, "attempt-number", f[1], "1")
	same(c, "schedule-arn", f[2], *c.get(in).Arn)
	if strings.HasPrefix(f[3], "<") {
		c.Errorf("execution-id is %s", f[3])
	}
}

func firesAUniversalTarget(c *check) {
	q := c.queue()
	c.once(q, soon(), func(in *scheduler.CreateScheduleInput) {
		in.Target.Arn = aws.String("arn:aws:scheduler:::aws-sdk:sqs:sendMessage")
		in.Target.Input = aws.String(`{"QueueUrl":"` + q.url + `","MessageBody":"universal","MessageAttributes":{"k":{"DataType":"String","StringValue":"v"}}}`)
	})
	m := q.message()
	same(c, "the body", *m.Body, "universal")
	same(c, "the attribute", aws.ToString(m.MessageAttributes["k"].StringValue), "v")
}

func firesABatch(c *check) {
	q, at := c.queue(), soon()
	c.once(q, at, func(in *scheduler.CreateScheduleInput) {
		in.Target.Arn = aws.String("arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch")
		in.Target.Input = aws.String(`{"QueueUrl":"` + q.url + `","Entries":[{"Id":"1","MessageBody":"later","DelaySeconds":3},{"Id":"2","MessageBody":"now"}]}`)
	})
	same(c, "the first body", *q.message().Body, "now")
	same(c, "the second body", *q.message().Body, "later")
}

func deadLetter(c *check) {
	q := c.queue()
	in := c.once(q, soon(), func(in *scheduler.CreateScheduleInput) {
		in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(q.arn)}
		in.Target.Arn = aws.String(q.arn + "-gone")
		in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
	})
	m := q.message()
	same(c, "TARGET_ARN", aws.ToString(m.MessageAttributes["TARGET_ARN"].StringValue), *in.Target.Arn)
	same(c, "EXHAUSTED_RETRY_CONDITION", aws.ToString(m.MessageAttributes["EXHAUSTED_RETRY_CONDITION"].StringValue), "MaximumRetryAttempts")
	same(c, "SCHEDULE_ARN", aws.ToString(m.MessageAttributes["SCHEDULE_ARN"].StringValue), *c.get(in).Arn)
}
