package tasks_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coretasks/core/tasks"
)

// outbox is a Sender that keeps what it gets, and fails some of it.
type outbox struct {
	msgs []tasks.Message
	fail func(i int) error
}

func (o *outbox) Send(_ context.Context, msgs []tasks.Message) []error {
	o.msgs = append(o.msgs, msgs...)
	if o.fail == nil {
		return nil
	}
	errs := make([]error, len(msgs))
	for i := range msgs {
		errs[i] = o.fail(i)
	}
	return errs
}

type order struct {
	ID    int64   `json:"id"`
	Price float64 `json:"price"`
	Items []item  `json:"items"`
}

type item struct {
	SKU string `json:"sku"`
	N   uint   `json:"n"`
}

var place = tasks.Define("orders.place", func(context.Context, order) (none, error) { return none{}, nil }, tasks.Queue("orders"))

func TestDelayMakesTheEnvelope(t *testing.T) {
	t.Parallel()
	o := &outbox{}
	job, err := place.Delay(t.Context(), o, order{ID: 1, Items: []item{{SKU: "<a>"}}}, tasks.Countdown(90*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := uuid.Parse(job.ID); err != nil || id.Version() != 7 {
		t.Errorf("id %q is no UUIDv7", job.ID)
	}
	m := o.msgs[0]
	if m.Queue != "orders" || m.Delay != 90*time.Second || m.Envelope.ID != job.ID || m.Envelope.Task != "orders.place" {
		t.Errorf("message %+v", m)
	}
	if got, want := string(m.Envelope.Params), `{"id":1,"price":0,"items":[{"sku":"<a>","n":0}]}`; got != want {
		t.Errorf("params %s, want %s", got, want)
	}
	if age := time.Since(m.Envelope.EnqueuedAt); age < 0 || age > time.Minute {
		t.Errorf("enqueued %v ago", age)
	}
}

func TestDelayRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		params order
		opt    tasks.DelayOption
		want   string
	}{
		"a negative countdown":   {opt: tasks.Countdown(-time.Second), want: `enqueue task "orders.place" on queue "orders": countdown -1s is negative`},
		"an over-long countdown": {opt: tasks.Countdown(366 * 24 * time.Hour), want: "longer than the limit of 8760h0m0s (365 days)"},
		"a number JSON has not":  {params: order{Price: math.Inf(1)}, opt: tasks.Countdown(0), want: "encode the parameters: json: unsupported value: +Inf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := place.Delay(t.Context(), sendNothing{t}, tc.params, tc.opt)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if enqueue, isEnqueue := errors.AsType[*tasks.EnqueueError](err); !isEnqueue || enqueue.Job.Task != "orders.place" {
				t.Errorf("error %#v is not an EnqueueError of the task", err)
			}
			_, err = place.DelayMany(t.Context(), &outbox{}, []order{tc.params}, tc.opt)
			if err == nil {
				t.Error("DelayMany accepted it")
			}
		})
	}
}

func TestDelayManyTellsEachItemsFate(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	o := &outbox{fail: func(i int) error {
		if i == 1 { // the second that is sent, the third of the call
			return down
		}
		return nil
	}}
	jobs, err := place.DelayMany(t.Context(), o, []order{{ID: 1}, {ID: 2, Price: math.NaN()}, {ID: 3}, {ID: 4}})
	bulk, isBulk := errors.AsType[*tasks.BulkError](err)
	if !isBulk || len(bulk.Items) != 2 || !errors.Is(err, down) {
		t.Fatalf("error %v, want two failed items", err)
	}
	if want := `2 of 4 jobs were not enqueued; the first is item 1: `; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q, want %q…", err, want)
	}
	if bulk.Items[0].Index != 1 || bulk.Items[1].Index != 2 || !errors.Is(bulk.Items[1].Err, down) {
		t.Errorf("failed items %+v", bulk.Items)
	}
	if bulk.Failed(0) || !bulk.Failed(1) || !bulk.Failed(2) || bulk.Failed(3) {
		t.Error("Failed does not tell which items failed")
	}
	if len(jobs) != 4 || jobs[3].ID != o.msgs[2].Envelope.ID || jobs[2].ID == "" {
		t.Errorf("jobs %+v", jobs)
	}
	if jobs, err := place.DelayMany(t.Context(), &outbox{}, nil); err != nil || len(jobs) != 0 {
		t.Errorf("nothing to enqueue: %v, %v", jobs, err)
	}
}

func TestDelayJSONIsStrict(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ params, field, problem string }{
		"a wrong type":           {`{"id":"seven"}`, "id", "must be a whole number, not a JSON string"},
		"a wrong nested type":    {`{"items":[{"sku":1}]}`, "items.0.sku", "must be a string, not a JSON number"},
		"a negative count":       {`{"items":[{},{"n":-1}]}`, "items.1.n", "is out of range: it must be a whole number from 0 to 18446744073709551615"},
		"a large count":          {`{"items":[{"n":18446744073709551616}]}`, "items.0.n", "is out of range: it must be a whole number from 0 to 18446744073709551615"},
		"null for a number":      {`{"id":null}`, "id", "must be a whole number, not a JSON null"},
		"a member twice":         {`{"id":1,"ID":2}`, "id", "is given twice (letter case does not tell members apart)"},
		"a byte order mark":      {"\uFEFF{}", "", "the text begins with a byte order mark (U+FEFF), which JSON does not allow"},
		"an unknown field":       {`{"user":1}`, "user", "is not a parameter of this task; it has id, price, items"},
		"an array":               {`[]`, "", "must be an object, not a JSON array"},
		"no JSON":                {`{"id":1`, "", "not valid JSON: it ends too early"},
		"a typing error":         {`{id:1}`, "", "not valid JSON: invalid character 'i' looking for beginning of object key string at byte 2"},
		"nothing":                {``, "", "not valid JSON: it ends too early"},
		"two values":             {`{} {}`, "", "there is more text behind the JSON value"},
		"bytes that are no text": {"{\"id\":1,\"items\":[{\"sku\":\"\xff\"}]}", "", "the text is not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := place.DelayJSON(t.Context(), sendNothing{t}, []byte(tc.params))
			e, isParams := errors.AsType[*tasks.ParamsError](err)
			if !isParams || e.Task != "orders.place" || e.Field != tc.field || e.Problem != tc.problem {
				t.Errorf("error %#v\nwant field %q, problem %q", err, tc.field, tc.problem)
			}
		})
	}
	o := &outbox{}
	if _, err := place.DelayJSON(t.Context(), o, []byte(` {"id": 7} `)); err != nil {
		t.Fatal(err)
	}
	if got, want := string(o.msgs[0].Envelope.Params), `{"id": 7}`; got != want {
		t.Errorf("params %s, want %s", got, want)
	}
}
