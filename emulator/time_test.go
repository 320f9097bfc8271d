package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
)

// bubble runs a test in fake time, on an emulator with one queue.
func bubble(t *testing.T, attrs map[string]string, test func(t *testing.T, c *emulator.SQS, url string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, emulator.Config{})
		test(t, e.SQS(), create(t, e.SQS(), "jobs", attrs))
	})
}

// poll waits up to 20 seconds for messages and says how long it took.
func poll(t *testing.T, c api, url string) ([]types.Message, time.Duration) {
	t.Helper()
	start := time.Now()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	return out.Messages, time.Since(start)
}

func TestLongPollWakesWhenAMessageCanBeHad(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(t *testing.T, c *emulator.SQS, url string) // before the poll
		after  func(t *testing.T, c *emulator.SQS, url string) // 3 s into it
		want   time.Duration
		n      int
	}{
		{name: "nothing comes", want: 20 * time.Second},
		{name: "one is sent", want: 3 * time.Second, n: 1, after: func(t *testing.T, c *emulator.SQS, url string) {
			send(t, c, url, "x")
		}},
		{name: "a delay ends", want: 7 * time.Second, n: 1, before: func(t *testing.T, c *emulator.SQS, url string) {
			sendDelayed(t, c, url, 7)
		}},
		{name: "a delay that began later ends", want: 8 * time.Second, n: 1,
			before: func(t *testing.T, c *emulator.SQS, url string) { sendDelayed(t, c, url, 15) },
			after:  func(t *testing.T, c *emulator.SQS, url string) { sendDelayed(t, c, url, 5) }},
		{name: "a visibility timeout ends", want: 11 * time.Second, n: 1,
			before: func(t *testing.T, c *emulator.SQS, url string) {
				send(t, c, url, "x")
				hide(t, c, url, receive(t, c, url)[0], 11)
			}},
		{name: "one is given back", want: 3 * time.Second, n: 1,
			before: func(t *testing.T, c *emulator.SQS, url string) {
				send(t, c, url, "x")
				m := receive(t, c, url)[0]
				time.AfterFunc(3*time.Second, func() { hide(t, c, url, m, 0) })
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, nil, func(t *testing.T, c *emulator.SQS, url string) {
				if test.before != nil {
					test.before(t, c, url)
				}
				if test.after != nil {
					time.AfterFunc(3*time.Second, func() { test.after(t, c, url) })
				}
				msgs, took := poll(t, c, url)
				if len(msgs) != test.n || took != test.want {
					t.Errorf("%d messages after %v, want %d after %v", len(msgs), took, test.n, test.want)
				}
			})
		})
	}
}

func sendDelayed(t *testing.T, c *emulator.SQS, url string, seconds int32) {
	t.Helper()
	_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("x"), DelaySeconds: seconds,
	})
	if err != nil {
		t.Error(err)
	}
}

func hide(t *testing.T, c *emulator.SQS, url string, m types.Message, seconds int32) {
	t.Helper()
	_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
	})
	if err != nil {
		t.Error(err)
	}
}

// Many wait, each message goes to one of them, at once; those whose context ends take none along.
func TestWaitersShareWhatComes(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, c *emulator.SQS, url string) {
		const waiters, messages = 20, 12
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var wg sync.WaitGroup
		got, canceled := map[string]time.Duration{}, 0
		start := time.Now()
		for i := range waiters {
			wg.Go(func() {
				in := &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20}
				own := t.Context()
				if i%4 == 0 {
					own = ctx
				}
				out, err := c.ReceiveMessage(own, in)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, context.Canceled):
					canceled++
				case err != nil:
					t.Error(err)
				case len(out.Messages) == 1:
					got[*out.Messages[0].MessageId] = time.Since(start)
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		for i := range messages {
			sendDelayed(t, c, url, int32(i%3))
		}
		wg.Wait()
		if canceled != 5 || len(got) != messages {
			t.Errorf("%d were cancelled, %d messages received", canceled, len(got))
		}
		for _, took := range got {
			if took > 2*time.Second {
				t.Errorf("a message waited for %v", took)
			}
		}
	})
}

func TestCloseEndsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, err := emulator.Open(emulator.Config{})
		if err != nil {
			t.Fatal(err)
		}
		url := create(t, e.SQS(), "jobs", nil)
		time.AfterFunc(time.Second, func() { _ = e.Close() })
		start := time.Now()
		_, err = e.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		if err == nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A process that is to stop ends the waits: those under way and later ones answer at once, with what there is.
func TestEndWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, emulator.Config{})
		url := create(t, e.SQS(), "jobs", nil)
		time.AfterFunc(time.Second, e.EndWaits)
		if msgs, took := poll(t, e.SQS(), url); len(msgs) != 0 || took != time.Second {
			t.Errorf("%d messages after %v", len(msgs), took)
		}
		e.EndWaits()
		send(t, e.SQS(), url, "x")
		for _, want := range []int{1, 0} {
			if msgs, took := poll(t, e.SQS(), url); len(msgs) != want || took != 0 {
				t.Errorf("%d messages after %v, want %d at once", len(msgs), took, want)
			}
		}
	})
}

func TestDeletingAQueueEndsWaits(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, c *emulator.SQS, url string) {
		time.AfterFunc(time.Second, func() {
			if _, err := c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url}); err != nil {
				t.Error(err)
			}
		})
		start := time.Now()
		_, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		if gone := new(types.QueueDoesNotExist); !errors.As(err, &gone) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A name that is reserved is free again after a minute, and other names were all the time.
func TestReservedNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, emulator.Config{ReserveNames: true}).SQS()
		again := func() error {
			_, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
			return err
		}
		for range 2 {
			url := create(t, c, "q", nil)
			if _, err := c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &url}); err != nil {
				t.Fatal(err)
			}
			create(t, c, "other", nil)
			for _, wait := range []time.Duration{0, time.Minute - time.Millisecond} {
				time.Sleep(wait)
				recently, ok := errors.AsType[*types.QueueDeletedRecently](again())
				if !ok || recently.ErrorMessage() != "You must wait 60 seconds after deleting a queue before you can create another with the same name." ||
					recently.ErrorCode() != "AWS.SimpleQueueService.QueueDeletedRecently" {
					t.Errorf("after %v more: %v", wait, recently)
				}
			}
			time.Sleep(time.Millisecond)
			if err := again(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestHandlesGoStale(t *testing.T) {
	t.Parallel()
	bubble(t, map[string]string{"VisibilityTimeout": "10"}, func(t *testing.T, c *emulator.SQS, url string) {
		send(t, c, url, "x")
		first := receive(t, c, url)[0]
		time.Sleep(10 * time.Second)
		change := func(m types.Message, seconds int32) error {
			_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: seconds,
			})
			return err
		}
		if err := change(first, 5); err != nil {
			t.Errorf("visible again: %v", err)
		}
		if n := count(t, c, url, ""); n != 1 {
			t.Error("a change that came too late hid the message")
		}
		second := receive(t, c, url)[0]
		for _, seconds := range []int32{0, 5, 43_200} {
			if err := change(first, seconds); err != nil {
				t.Errorf("received again, to %d: %v", seconds, err)
			}
		}
		if n := count(t, c, url, "NotVisible"); n != 1 {
			t.Error("an older handle gave the message back")
		}
		remove(t, c, url, first)
		if n := count(t, c, url, "NotVisible"); n != 1 {
			t.Error("an older handle deleted the message")
		}
		time.Sleep(10*time.Second - time.Millisecond)
		if n := count(t, c, url, "NotVisible"); n != 1 {
			t.Error("an older handle made the timeout shorter")
		}
		time.Sleep(time.Millisecond)
		if n := count(t, c, url, ""); n != 1 {
			t.Error("an older handle made the timeout longer")
		}
		remove(t, c, url, second) // visible again, but not received again: this one still deletes
		if n := count(t, c, url, ""); n != 0 {
			t.Error("the latest handle did not delete the message")
		}
	})
}

func TestVisibilityEndsTwelveHoursAfterTheReceive(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, c *emulator.SQS, url string) {
		send(t, c, url, "x")
		m := receive(t, c, url)[0]
		hide(t, c, url, m, 43_200)
		time.Sleep(11 * time.Hour)
		hide(t, c, url, m, 3600)
		_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 3601,
		})
		if err == nil || !strings.Contains(err.Error(), "beyond the limit [43200 seconds]") {
			t.Error(err)
		}
	})
}

func TestRetentionEndsMessages(t *testing.T) {
	t.Parallel()
	bubble(t, map[string]string{"MessageRetentionPeriod": "60"}, func(t *testing.T, c *emulator.SQS, url string) {
		for i := range 3 {
			send(t, c, url, fmt.Sprint(i))
			time.Sleep(20 * time.Second)
		}
		if n := count(t, c, url, ""); n != 2 {
			t.Errorf("%d messages are counted, want 2", n)
		}
		if msgs := receive(t, c, url); len(msgs) != 2 || *msgs[0].Body != "1" {
			t.Errorf("received %d", len(msgs))
		}
		time.Sleep(40 * time.Second)
		if n := count(t, c, url, "") + count(t, c, url, "NotVisible"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func arn(name string) string { return "arn:aws:sqs:us-east-1:000000000000:" + name }

func redriveTo(name string, n int) map[string]string {
	return map[string]string{
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn(name), n),
	}
}

func TestRedriveAndMoveBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, emulator.Config{}).SQS()
		dead := create(t, c, "dead", nil)
		url := create(t, c, "jobs", redriveTo("dead", 2))
		id := send(t, c, url, "x")
		sent := receive(t, c, url)[0].Attributes["SentTimestamp"]
		time.Sleep(30 * time.Second)
		receive(t, c, url)
		time.Sleep(30 * time.Second)
		waiting := make(chan []types.Message)
		go func() { // the dead-letter queue's own poller wakes as the message is moved there
			msgs, _ := poll(t, c, dead)
			waiting <- msgs
		}()
		synctest.Wait()
		if msgs := receive(t, c, url); len(msgs) != 0 {
			t.Fatalf("received a third time: %+v", msgs)
		}
		msgs := <-waiting
		if len(msgs) != 1 {
			t.Fatalf("%d dead letters", len(msgs))
		}
		m := msgs[0]
		if *m.MessageId != id || m.Attributes["ApproximateReceiveCount"] != "3" || m.Attributes["SentTimestamp"] != sent ||
			m.Attributes["DeadLetterQueueSourceArn"] != arn("jobs") {
			t.Errorf("dead letter %+v", m)
		}
		hide(t, c, dead, m, 0)

		task, err := c.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn("dead"))})
		if err != nil {
			t.Fatal(err)
		}
		msgs, _ = poll(t, c, url)
		if len(msgs) != 1 || *msgs[0].MessageId == id || msgs[0].Attributes["ApproximateReceiveCount"] != "1" ||
			msgs[0].Attributes["SentTimestamp"] == sent {
			t.Errorf("moved back: %+v", msgs)
		}
		synctest.Wait()
		list, err := c.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(arn("dead"))})
		if err != nil || len(list.Results) != 1 || *list.Results[0].Status != "COMPLETED" ||
			list.Results[0].ApproximateNumberOfMessagesMoved != 1 || list.Results[0].TaskHandle != nil {
			t.Errorf("tasks %+v, %v", list, err)
		}
		_, err = c.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle})
		if err == nil {
			t.Error("a task that is done was cancelled")
		}
	})
}

func TestMoveTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, emulator.Config{}).SQS()
		dead := create(t, c, "dead", nil)
		create(t, c, "jobs", redriveTo("dead", 2))
		other := create(t, c, "other", nil)
		for i := range 10 {
			send(t, c, dead, fmt.Sprint(i))
		}
		start := func(in *sqs.StartMessageMoveTaskInput) (*string, error) {
			out, err := c.StartMessageMoveTask(t.Context(), in)
			if err != nil {
				return nil, err
			}
			return out.TaskHandle, nil
		}
		var notFound *types.ResourceNotFoundException
		if _, err := start(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn("no"))}); !errors.As(err, &notFound) {
			t.Errorf("no source: %v", err)
		}
		if _, err := start(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn("other"))}); err == nil {
			t.Error("a queue that is nobody's dead-letter queue is moved")
		}
		in := &sqs.StartMessageMoveTaskInput{
			SourceArn: aws.String(arn("dead")), DestinationArn: aws.String(arn("other")),
			MaxNumberOfMessagesPerSecond: aws.Int32(1),
		}
		handle, err := start(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := start(in); err == nil || !strings.Contains(err.Error(), "already a task running") {
			t.Errorf("a second task: %v", err)
		}
		time.Sleep(2500 * time.Millisecond)
		out, err := c.CancelMessageMoveTask(t.Context(), &sqs.CancelMessageMoveTaskInput{TaskHandle: handle})
		if err != nil || out.ApproximateNumberOfMessagesMoved != 3 || count(t, c, other, "") != 3 {
			t.Errorf("cancelled: %+v, %v; %d moved", out, err, count(t, c, other, ""))
		}
		time.Sleep(time.Minute)
		if n := count(t, c, dead, ""); n != 7 {
			t.Errorf("%d messages are left", n)
		}
		// Messages that were sent to the dead-letter queue have no source to go back to.
		if _, err := start(&sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn("dead"))}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		list, err := c.ListMessageMoveTasks(t.Context(), &sqs.ListMessageMoveTasksInput{
			SourceArn: aws.String(arn("dead")), MaxResults: aws.Int32(10),
		})
		if err != nil || len(list.Results) != 2 || *list.Results[0].Status != "FAILED" ||
			aws.ToString(list.Results[0].FailureReason) != "CouldNotDetermineMessageSource" ||
			*list.Results[1].Status != "CANCELLED" {
			t.Errorf("tasks %+v, %v", list, err)
		}
		if n := count(t, c, dead, ""); n != 7 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestPurgeOnceAMinute(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, c *emulator.SQS, url string) {
		purge := func() error {
			_, err := c.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
			return err
		}
		send(t, c, url, "x")
		if err := purge(); err != nil || count(t, c, url, "") != 0 {
			t.Errorf("%v, %d left", err, count(t, c, url, ""))
		}
		var inProgress *types.PurgeQueueInProgress
		time.Sleep(59 * time.Second)
		if err := purge(); !errors.As(err, &inProgress) {
			t.Errorf("after 59 s: %v", err)
		}
		time.Sleep(time.Second)
		if err := purge(); err != nil {
			t.Errorf("after 60 s: %v", err)
		}
	})
}
