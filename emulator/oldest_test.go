package emulator_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
)

func TestOldestMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, emulator.Config{})
		c := e.SQS()
		url := create(t, c, "jobs", nil)
		create(t, c, "empty", nil)
		want := func(what string, jobs time.Duration) {
			t.Helper()
			got, err := e.OldestMessages(t.Context(), []string{"jobs", "empty", "missing"})
			if err != nil || !maps.Equal(got, map[string]time.Duration{"jobs": jobs, "empty": 0}) {
				t.Errorf("%s: %v, %v, want %v", what, got, err, jobs)
			}
		}
		want("nothing was sent", 0)
		send(t, c, url, "first")
		time.Sleep(90 * time.Second)
		send(t, c, url, "second")
		want("two wait", 90*time.Second)
		messages, _ := poll(t, c, url)
		want("two are in flight", 90*time.Second)
		for _, m := range messages {
			if *m.Body != "first" {
				continue
			}
			if _, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		want("the first is deleted", time.Second)
		time.Sleep(30 * 24 * time.Hour)
		want("the second has outlived its queue's retention", 0)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.OldestMessages(t.Context(), nil); err == nil {
			t.Error("a closed emulator answers")
		}
	})
}
