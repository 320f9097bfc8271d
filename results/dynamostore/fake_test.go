package dynamostore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/coretasks/core/results"
)

// fake answers queries of the index as DynamoDB does, from records in memory, and everything else with an error. What the
// index really does is tried on DynamoDB's stand-ins; this one can hold more records than they take in a test's time.
type fake struct {
	API
	partitions map[string][]item // newest first
	err        error
	queries    atomic.Int64
	read       atomic.Int64
}

func (f *fake) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	f.queries.Add(1)
	value := func(condition string) string {
		_, after, found := strings.Cut(*in.KeyConditionExpression+" AND "+*in.FilterExpression+" ", condition)
		if !found {
			return ""
		}
		name, _, _ := strings.Cut(after, " ")
		return in.ExpressionAttributeValues[name].(*types.AttributeValueMemberS).Value
	}
	key, below, task := value("#list_key = "), value("#list_at < "), value("#task = ")
	out := &dynamodb.QueryOutput{}
	items := f.partitions[key]
	from, _ := slices.BinarySearchFunc(items, below, func(i item, below string) int {
		if below == "" || place(i) < below {
			return 1
		}
		return -1
	})
	items = items[from:]
	if n := int(*in.Limit); len(items) >= n {
		items = items[:n]
		out.LastEvaluatedKey = attributes{attrListAt: text(place(items[n-1]))}
	}
	f.read.Add(int64(len(items)))
	for _, i := range items {
		if task == "" || i.Task == task {
			out.Items = append(out.Items, i.attributes())
		}
	}
	return out, nil
}

// filled has n jobs in one state, of which every nth is of the task "rare".
func filled(n, every int) (f *fake, rare []string) {
	f = &fake{partitions: map[string][]item{}}
	base := time.Now().Truncate(time.Millisecond).UTC()
	for i := range n {
		r := results.Record{
			ID: fmt.Sprintf("job-%07d", n-i), Task: "common", State: results.Succeeded, EnqueuedAt: base.Add(-time.Duration(i/3) * time.Millisecond),
			UpdatedAt: base, ExpiresAt: base.Add(time.Hour),
		}
		if i%every == every-1 {
			r.Task = "rare"
			rare = append(rare, r.ID)
		}
		key := listKey(r.ID, r.State)
		f.partitions[key] = append(f.partitions[key], item{Record: r})
	}
	return f, rare
}

// One List bounds its work: of a task that is rare among many it finds the records page by page, some of them empty, none
// of them twice and in order, and all of them.
func TestListBoundsItsWork(t *testing.T) {
	t.Parallel()
	f, want := filled(120_000, 17_001)
	s := New(f, "jobs", Options{})
	var got []string
	filter := results.Filter{Task: "rare", State: results.Succeeded, Limit: 2}
	pages, empty := 0, 0
	for {
		before := f.read.Load()
		page, err := s.List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		if n := f.read.Load() - before; n > (shards+maxFurther)*filteredRead {
			t.Fatalf("a page read %d records", n)
		}
		if len(page.Records) == 0 {
			empty++
		}
		for _, r := range page.Records {
			got = append(got, r.ID)
		}
		if page.Next == "" {
			break
		}
		if page.Next == filter.Cursor || pages > 100 {
			t.Fatalf("no progress after %d pages", pages)
		}
		filter.Cursor = page.Next
	}
	if !slices.Equal(got, want) || empty == 0 {
		t.Errorf("%v, want %v; %d pages of which %d empty", got, want, pages, empty)
	}
	if n := f.read.Load(); n > 2*120_000 {
		t.Errorf("the whole listing read %d of 120000 records", n)
	}
}

// Where the work is given up in one partition, what the others have beyond that place waits for the next page.
func TestListGivesUpInOrder(t *testing.T) {
	t.Parallel()
	base := time.Now().Truncate(time.Second).UTC()
	job := func(task string, age int) item {
		return item{Record: results.Record{
			ID: fmt.Sprintf("%s-%06d", task, age), Task: task, State: results.Dead, EnqueuedAt: base.Add(-time.Duration(age) * time.Millisecond),
			UpdatedAt: base, ExpiresAt: base.Add(time.Hour),
		}}
	}
	f := &fake{partitions: map[string][]item{}}
	full, few := shardKey(results.Dead, 3), shardKey(results.Dead, 5)
	for age := range 40_000 {
		f.partitions[full] = append(f.partitions[full], job("common", age))
	}
	f.partitions[full] = append(f.partitions[full], job("rare", 40_000))
	for _, age := range []int{1, 30_000, 39_999, 50_000} {
		f.partitions[few] = append(f.partitions[few], job("rare", age))
	}
	s, filter := New(f, "jobs", Options{}), results.Filter{Task: "rare", State: results.Dead}
	var got []string
	for pages := 1; ; pages++ {
		page, err := s.List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			got = append(got, r.ID)
		}
		if filter.Cursor = page.Next; page.Next == "" {
			break
		}
		if pages > 10 {
			t.Fatal("no end")
		}
	}
	want := []string{"rare-000001", "rare-030000", "rare-039999", "rare-040000", "rare-050000"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A page costs what the package's comment says.
func TestListCost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		filter  results.Filter
		queries int64
	}{
		"one state":       {results.Filter{State: results.Succeeded}, 12},
		"a state of none": {results.Filter{State: results.Dead}, 8},
		"all states":      {results.Filter{}, 52},
		"the common task": {results.Filter{Task: "common"}, 48},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := filled(10_000, 1_000)
			if _, err := New(f, "jobs", Options{}).List(t.Context(), tt.filter); err != nil {
				t.Fatal(err)
			}
			if n := f.queries.Load(); n > tt.queries {
				t.Errorf("%d queries, want at most %d", n, tt.queries)
			}
		})
	}
}

// A record that moves between two partitions while they are read comes once, as it became.
func TestListOfARecordOnItsWay(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Millisecond).UTC()
	r := results.Record{ID: "x", State: results.Queued, EnqueuedAt: now, UpdatedAt: now, ExpiresAt: now.Add(time.Hour).Truncate(time.Second)}
	later := r
	later.State, later.UpdatedAt = results.Running, now.Add(time.Second)
	f := &fake{partitions: map[string][]item{listKey("x", r.State): {{Record: r}}, listKey("x", later.State): {{Record: later}}}}
	page, err := New(f, "jobs", Options{}).List(t.Context(), results.Filter{})
	if err != nil || len(page.Records) != 1 || page.Records[0].State != results.Running || page.Next != "" {
		t.Errorf("%+v, %v", page, err)
	}
}

// The shards of a state take about the same.
func TestShards(t *testing.T) {
	t.Parallel()
	f, _ := filled(80_000, 2)
	if len(f.partitions) != shards {
		t.Errorf("%d partitions", len(f.partitions))
	}
	for key, items := range f.partitions {
		if len(items) < 9_000 || len(items) > 11_000 {
			t.Errorf("%s has %d of 80000", key, len(items))
		}
	}
	if aws.ToString(TableInput("t").TableName) != "t" {
		t.Error("the table's name")
	}
}
