package schedules_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/tasks"
)

// Days that depend on the month are the same for EventBridge, as the emulator has it, and for whatever else fires: the
// same jobs over the end of February in a leap year.
func TestDaysOfTheMonthAreFiredByEventBridge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // where it is midnight, 1 January 2000
		w := onEmulator(t)
		r := tasks.NewRegistry(
			tasks.QueueSettings{Name: tasks.DefaultQueue, Retention: 13 * 24 * time.Hour},
			periodic("last", tasks.Cron("0 18 L * *"), tasks.In("America/Sao_Paulo")),
			periodic("last-workday", tasks.Cron("0 18 LW * *")),
			periodic("near-1st", tasks.Cron("0 9 1W * *")),
			periodic("last-friday", tasks.Cron("0 9 * * 5L")),
			periodic("fifth-tuesday", tasks.Cron("0 9 * * TUE#5")),
		)
		apply(t, w.manager(t, r, w.api), r)
		var got []string
		for _, day := range []int{11, 22, 33, 44, 55, 60} { // messages are kept for 13 days
			time.Sleep(time.Until(time.Date(2000, 1, 1+day, 12, 0, 0, 0, time.UTC)))
			synctest.Wait()
			got = append(got, fired(t, w)...)
		}
		want := []string{
			"near-1st@2000-01-03T09:00:00Z",
			"last-friday@2000-01-28T09:00:00Z", "last-workday@2000-01-31T18:00:00Z", "last@2000-01-31T20:00:00Z",
			"near-1st@2000-02-01T09:00:00Z",
			"last-friday@2000-02-25T09:00:00Z",
			"fifth-tuesday@2000-02-29T09:00:00Z", "last-workday@2000-02-29T18:00:00Z",
			"last@2000-02-29T21:00:00Z", // summer time ended on the 27th
			"near-1st@2000-03-01T09:00:00Z",
		}
		if !slices.Equal(got, want) {
			t.Errorf("EventBridge fired\n%v, want\n%v", got, want)
		}
		slices.Sort(want)
		if got := due(r, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Now()); !slices.Equal(got, want) {
			t.Errorf("a scheduler of one's own fires\n%v, want\n%v", got, want)
		}
	})
}

// due is what any other scheduler fires.
func due(r *tasks.Registry, from, to time.Time) []string {
	var ids []string
	for _, task := range r.Tasks() {
		info := task.Info()
		for at := info.Schedule.Next(from); at.Before(to); at = info.Schedule.Next(at) {
			ids = append(ids, info.Schedule.TickID(info.Name, at))
		}
	}
	slices.Sort(ids)
	return ids
}

// fired takes what is on the queue, and returns the ids of the jobs.
func fired(t *testing.T, w *world) []string {
	t.Helper()
	url, err := w.client.URL(t.Context(), tasks.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for {
		out, err := w.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return slices.Sorted(slices.Values(ids))
		}
		var done []types.DeleteMessageBatchRequestEntry
		for _, m := range out.Messages {
			var envelope struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(aws.ToString(m.Body)), &envelope); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, envelope.ID)
			done = append(done, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
		}
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: done}
		if _, err := w.sqs.DeleteMessageBatch(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}
