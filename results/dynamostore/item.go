package dynamostore

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

// The attributes of an item. Times are milliseconds since 1970, and left out where they have not come, as texts are where
// they are empty.
const (
	attrID           = "id"
	attrTask         = "task"
	attrQueue        = "queue"
	attrState        = "state"
	attrAttempt      = "attempt"
	attrRuns         = "runs"
	attrRequeues     = "requeues"         // left out where there were none
	attrCancel       = "cancel_requested" // true, or left out
	attrEnqueued     = "enqueued_at"
	attrStarted      = "started_at"
	attrStartToken   = "start_token"
	attrRetry        = "retry_at"
	attrFinished     = "finished_at"
	attrUpdated      = "updated_at"
	attrProgress     = "progress"
	attrProgressText = "progress_text"
	attrResult       = "result"
	attrReason       = "reason"
	attrError        = "error"
	attrExpires      = "expires_at" // seconds since 1970, the table's time to live
	attrRevision     = "revision"   // how often the item was written
	attrListKey      = "list_key"   // state and shard, the partition of the index
	attrListAt       = "list_at"    // time and ID, its order
)

// shards is how many partitions of the index a state has. It can't be changed for a table that is in use.
const shards = 8

// An item is a record as the table has it.
type item struct {
	results.Record
	revision int64
}

type attributes = map[string]types.AttributeValue

func key(id string) attributes { return attributes{attrID: text(id)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func float(f float64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatFloat(f, 'f', -1, 64)}
}

func stamp(t time.Time) types.AttributeValue { return number(t.UnixMilli()) }

// listKey is the partition of the index for a job in a state.
func listKey(id string, state results.State) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash takes all
	return shardKey(state, int(h.Sum32()%shards))
}

func shardKey(state results.State, shard int) string {
	return string(state) + "#" + strconv.Itoa(shard)
}

// listAt is a record's place in its partition: times have 13 digits, so that they order as texts.
func listAt(p transition.Position) string {
	return fmt.Sprintf("%013d#%s", p.EnqueuedAt.UnixMilli(), p.ID)
}

// attributes is the whole item.
func (i item) attributes() attributes {
	a := attributes{
		attrID: text(i.ID), attrTask: text(i.Task), attrQueue: text(i.Queue), attrState: text(string(i.State)),
		attrAttempt: number(int64(i.Attempt)), attrRuns: number(int64(i.Runs)), attrProgress: float(i.Progress),
		attrExpires: number(i.ExpiresAt.Unix()), attrRevision: number(i.revision),
		attrListKey: text(listKey(i.ID, i.State)), attrListAt: text(listAt(transition.PositionOf(i.Record))),
	}
	if i.Requeues > 0 {
		a[attrRequeues] = number(int64(i.Requeues))
	}
	if i.StartToken != 0 {
		a[attrStartToken] = number(i.StartToken)
	}
	if i.CancelRequested {
		a[attrCancel] = &types.AttributeValueMemberBOOL{Value: true}
	}
	for name, t := range map[string]time.Time{
		attrEnqueued: i.EnqueuedAt, attrStarted: i.StartedAt, attrRetry: i.RetryAt, attrFinished: i.FinishedAt, attrUpdated: i.UpdatedAt,
	} {
		if !t.IsZero() {
			a[name] = stamp(t)
		}
	}
	for name, s := range map[string]string{
		attrProgressText: i.ProgressText, attrResult: string(i.Result), attrReason: i.Reason, attrError: i.Error,
	} {
		if s != "" {
			a[name] = text(s)
		}
	}
	return a
}

// itemOf reads an item.
func itemOf(a attributes) (item, error) {
	d := decoder{a: a}
	i := item{Record: results.Record{
		ID: d.text(attrID), Task: d.text(attrTask), Queue: d.text(attrQueue), State: results.State(d.text(attrState)),
		Attempt: int(d.number(attrAttempt)), Runs: int(d.number(attrRuns)), Requeues: int(d.number(attrRequeues)), CancelRequested: d.flag(attrCancel),
		EnqueuedAt: d.time(attrEnqueued), StartedAt: d.time(attrStarted), StartToken: d.number(attrStartToken), RetryAt: d.time(attrRetry),
		FinishedAt: d.time(attrFinished), UpdatedAt: d.time(attrUpdated),
		Progress: d.float(attrProgress), ProgressText: d.text(attrProgressText),
		Reason: d.text(attrReason), Error: d.text(attrError),
	}, revision: d.number(attrRevision)}
	if result := d.text(attrResult); result != "" {
		i.Result = json.RawMessage(result)
	}
	if seconds := d.number(attrExpires); seconds != 0 {
		i.ExpiresAt = time.Unix(seconds, 0).UTC()
	}
	if d.err != nil {
		return item{}, fmt.Errorf("item %q: %w", i.ID, d.err)
	}
	return i, nil
}

// decoder reads attributes; one that is missing is the zero value, one of another type an error.
type decoder struct {
	a   attributes
	err error
}

func (d *decoder) wrong(name string) {
	d.err = errors.Join(d.err, fmt.Errorf("attribute %q is not what this program writes", name))
}

func (d *decoder) text(name string) string {
	switch v := d.a[name].(type) {
	case nil:
	case *types.AttributeValueMemberS:
		return v.Value
	default:
		d.wrong(name)
	}
	return ""
}

func (d *decoder) digits(name string) string {
	switch v := d.a[name].(type) {
	case nil:
	case *types.AttributeValueMemberN:
		return v.Value
	default:
		d.wrong(name)
	}
	return "0"
}

func (d *decoder) number(name string) int64 {
	n, err := strconv.ParseInt(d.digits(name), 10, 64)
	if err != nil {
		d.wrong(name)
	}
	return n
}

func (d *decoder) float(name string) float64 {
	f, err := strconv.ParseFloat(d.digits(name), 64)
	if err != nil {
		d.wrong(name)
	}
	return f
}

func (d *decoder) flag(name string) bool {
	v, ok := d.a[name].(*types.AttributeValueMemberBOOL)
	return ok && v.Value
}

func (d *decoder) time(name string) time.Time {
	if ms := d.number(name); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}
