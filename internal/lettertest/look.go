package lettertest

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/tasks"
)

// mixed puts six letters of all kinds.
func mixed(d *Desk) (hour time.Time) {
	d.Helper()
	hour = time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	d.Put("default-dlq",
		Letter("a", "t", tasks.ReasonExhausted, hour),
		Letter("b", "t", tasks.ReasonExhausted, hour.Add(30*time.Minute)),
		Letter("c", "u", tasks.ReasonPermanent, hour.Add(-time.Hour)),
		Letter("d", "u", tasks.ReasonExhausted, hour.Add(45*time.Minute)),
		Message{Body: "no JSON", Attributes: map[string]string{"reason": "malformed", "error": "malformed message: not JSON", "attempts": "1"}},
		Message{Body: Body("e", "t")},
	)
	return hour
}

func testList(d *Desk) {
	hour := mixed(d)
	q := d.Open()
	for _, tc := range []struct {
		name   string
		filter deadletters.Filter
		want   string // IDs, newest first
		others int
	}{
		{"all", deadletters.Filter{}, "? e d b a c", 0},
		{"a reason", deadletters.Filter{Reason: tasks.ReasonExhausted}, "d b a", 3},
		{"a task", deadletters.Filter{Task: "u"}, "d c", 4},
		{"a reason and a task", deadletters.Filter{Task: "u", Reason: tasks.ReasonPermanent}, "c", 5},
		{"since", deadletters.Filter{Reason: tasks.ReasonExhausted, Since: hour.Add(time.Minute)}, "d b", 4},
		{"since, and of unknown time", deadletters.Filter{Since: time.Now().Add(time.Hour)}, "e", 5},
		{"without a reason", deadletters.Filter{Reason: deadletters.ReasonMaxReceives}, "e", 5},
		{"none", deadletters.Filter{Task: "v"}, "", 6},
	} {
		list, err := q.List(d.Context(), tc.filter)
		if err != nil {
			d.Fatal(tc.name, err)
		}
		var ids []string
		for _, l := range list.Letters {
			if l.JobID == "" {
				l.JobID = "?"
			}
			ids = append(ids, l.JobID)
		}
		// The two without a time of failing were sent just now, in any order.
		got := strings.Replace(strings.Join(ids, " "), "e ?", "? e", 1)
		if got != tc.want || list.Total != len(ids) || list.Others != tc.others || list.Hidden != 0 {
			d.Errorf("%s: %q, want %q; %+v", tc.name, got, tc.want, list)
		}
	}
	list, err := q.List(d.Context(), deadletters.Filter{})
	if err != nil {
		d.Fatal(err)
	}
	if c := list.Counts[0]; len(list.Counts) != 5 || c.Letters != 2 || c.Reason != tasks.ReasonExhausted || c.Task != "t" ||
		!c.Oldest.Equal(hour) || !c.Newest.Equal(hour.Add(30*time.Minute)) {
		d.Errorf("counts %+v", list.Counts)
	}
	if !list.Oldest().Equal(hour.Add(-time.Hour)) {
		d.Errorf("the oldest is of %v", list.Oldest())
	}
	for _, l := range list.Letters {
		if l.JobID == "b" && (l.Attempts != 4 || l.FirstLine() != "it broke" || !l.FailedAt.Equal(hour.Add(30*time.Minute)) || l.EnqueuedAt.Year() != 2026) {
			d.Errorf("%+v", l)
		}
	}
}

// testListGivesBack: after a look everything can be received at once, by whoever comes.
func testListGivesBack(d *Desk) {
	d.Put("default-dlq", Many(35, tasks.ReasonExhausted)...)
	q := d.Open()
	for range 2 {
		if list, err := q.List(d.Context(), deadletters.Filter{}); err != nil || list.Total != 35 {
			d.Fatal(list.Total, err)
		}
	}
	if depth, err := q.Depth(d.Context()); err != nil || depth != (deadletters.Depth{Visible: 35}) {
		d.Errorf("%+v, %v", depth, err)
	}
	if _, dead := d.WantAll(35); dead != 35 {
		d.Errorf("%d letters are left", dead)
	}
	// Now all are held by somebody else, which is to be said.
	list, err := q.List(d.Context(), deadletters.Filter{})
	if err != nil || list.Total != 0 || list.Hidden != 35 {
		d.Errorf("%+v, %v", list, err)
	}
}

func testFind(d *Desk) {
	mixed(d)
	q := d.Open()
	l, err := q.Find(d.Context(), "c")
	if err != nil || l.Body != Body("c", "u") || l.Error != "it broke\nat line 7" || l.Reason != tasks.ReasonPermanent {
		d.Errorf("%+v, %v", l, err)
	}
	list, err := q.List(d.Context(), deadletters.Filter{Reason: tasks.ReasonMalformed})
	if err != nil || list.Total != 1 {
		d.Fatal(list, err)
	}
	l, err = q.Find(d.Context(), list.Letters[0].MessageID)
	if err != nil || l.Body != "no JSON" || l.Malformed == "" {
		d.Errorf("%+v, %v", l, err)
	}
	_, err = q.Find(d.Context(), "z")
	if missing, ok := errors.AsType[*deadletters.NotFoundError](err); !ok || missing.ID != "z" || missing.Hidden != 0 {
		d.Errorf("%v", err)
	}
	d.Take("default-dlq")
	_, err = q.Find(d.Context(), "c")
	if missing, ok := errors.AsType[*deadletters.NotFoundError](err); !ok || missing.Hidden != 6 || !strings.Contains(err.Error(), "another process holds 6 letters") {
		d.Errorf("%v", err)
	}
}

// testMovedBySQS: what the redrive policy moved has no reason of its own, even where the message carries one from before.
func testMovedBySQS(d *Desk) {
	const allowance = 6 // of a task without retries
	d.Put("default", Message{Body: Body("p", "t")}, Letter("q", "t", tasks.ReasonTimeout, time.Now(), "tenant", "7"))
	for i := 0; i <= 2*allowance; i++ {
		out, err := d.API.ReceiveMessage(d.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(d.urls["default"]), MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			d.Fatal(err)
		}
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			if _, err := d.API.ChangeMessageVisibilityBatch(d.Context(), &sqs.ChangeMessageVisibilityBatchInput{
				QueueUrl: aws.String(d.urls["default"]), Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("0"), ReceiptHandle: m.ReceiptHandle}},
			}); err != nil {
				d.Fatal(err)
			}
		}
	}
	q := d.Open()
	for range 3 { // each look is a receive, which must not count
		list, err := q.List(d.Context(), deadletters.Filter{Reason: deadletters.ReasonMaxReceives})
		if err != nil || list.Total != 2 {
			d.Fatalf("%+v, %v", list, err)
		}
		for _, l := range list.Letters {
			if l.Attempts != allowance || !strings.Contains(l.Error, "redrive policy: max receives exceeded") {
				d.Errorf("%+v", l)
			}
		}
	}
	if report, err := q.Redrive(d.Context(), deadletters.Redrive{Filter: deadletters.Filter{Reason: deadletters.ReasonMaxReceives}}); err != nil || report.Redriven != 2 {
		d.Errorf("%+v, %v", report, err)
	}
	d.WantIDs("default", "p", "q")
}
