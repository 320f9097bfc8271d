package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/tasks"
)

// Action is what [Apply] did to a queue.
type Action string

// The actions of Apply.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
)

// A Change is what Apply did to one queue.
type Change struct {
	// Queue is the name in SQS, with the prefix.
	Queue  string `json:"queue"`
	Action Action `json:"action"`
	// Settings are those that were set, each "name: old -> new".
	Settings []string `json:"settings,omitempty"`
}

// Apply makes each queue, and its dead-letter queue, exist with the settings that the tasks need. Other settings of a
// queue that exists are left as they are, and so are messages. It may run again, and from several places at once.
func Apply(ctx context.Context, c *Client, r *tasks.Registry) ([]Change, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	if err := CheckNames(c.prefix, r); err != nil {
		return nil, err
	}
	var changes []Change
	for _, spec := range r.Queues() {
		dead, deadARN, err := c.apply(ctx, DeadLetterQueue(spec.Name), deadLetterAttributes(spec))
		if err != nil {
			return changes, err
		}
		changes = append(changes, dead)
		live, _, err := c.apply(ctx, spec.Name, queueAttributes(spec, deadARN))
		if err != nil {
			return changes, err
		}
		changes = append(changes, live)
	}
	return changes, nil
}

const (
	attrVisibility = string(types.QueueAttributeNameVisibilityTimeout)
	attrRetention  = string(types.QueueAttributeNameMessageRetentionPeriod)
	attrRedrive    = string(types.QueueAttributeNameRedrivePolicy)
	attrARN        = string(types.QueueAttributeNameQueueArn)
)

func deadLetterAttributes(spec tasks.QueueSpec) map[string]string {
	return map[string]string{attrRetention: inSeconds(spec.DeadLetterRetention)}
}

func queueAttributes(spec tasks.QueueSpec, deadARN string) map[string]string {
	policy := redrivePolicy{DeadLetterTargetARN: deadARN, MaxReceiveCount: flexInt(spec.MaxReceiveCount)}
	return map[string]string{
		attrVisibility: inSeconds(spec.QueueVisibility()),
		attrRetention:  inSeconds(spec.Retention),
		attrRedrive:    policy.String(),
	}
}

func inSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// apply makes one queue be as wanted, and returns its ARN.
func (c *Client) apply(ctx context.Context, queue string, want map[string]string) (Change, string, error) {
	change := Change{Queue: c.FullName(queue), Action: Unchanged}
	have, err := c.attributes(ctx, queue)
	if errors.Is(err, ErrQueueMissing) {
		var created bool
		if have, created, err = c.create(ctx, queue, want); err != nil {
			return change, "", err
		}
		if created {
			change.Action = Created
		}
	}
	if err != nil {
		return change, "", err
	}
	differ := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !sameAttribute(name, have[name], want[name]) {
			differ[name] = want[name]
			change.Settings = append(change.Settings, fmt.Sprintf("%s: %s -> %s", name, orNone(have[name]), want[name]))
		}
	}
	if len(differ) == 0 {
		return change, have[attrARN], nil
	}
	if change.Action == Unchanged {
		change.Action = Updated
	}
	url, err := c.URL(ctx, queue)
	if err != nil {
		return change, "", err
	}
	if _, err := c.api.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: aws.String(url), Attributes: differ}); err != nil {
		return change, "", wrap("update", c.FullName(queue), err)
	}
	return change, have[attrARN], nil
}

// create makes a queue, unless somebody else has made it meanwhile, with other settings: then it is updated like any other.
func (c *Client) create(ctx context.Context, queue string, want map[string]string) (have map[string]string, created bool, err error) {
	out, err := c.api.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(c.FullName(queue)), Attributes: want})
	exists := (*types.QueueNameExists)(nil)
	switch {
	case errors.As(err, &exists):
	case err != nil:
		return nil, false, wrap("create", c.FullName(queue), err)
	case aws.ToString(out.QueueUrl) == "":
		return nil, false, wrap("create", c.FullName(queue), ErrNotSQS)
	default:
		created = true
		c.Remember(queue, *out.QueueUrl)
	}
	// A queue can be used a second after it was created (API reference, CreateQueue).
	for attempt := 1; ; attempt++ {
		have, err = c.attributes(ctx, queue)
		if !errors.Is(err, ErrQueueMissing) || attempt == createAttempts || !pause(ctx, attempt) {
			return have, created, err
		}
	}
}

// createAttempts is how often a queue that was just created is looked for: over some three seconds.
const createAttempts = 6

func (c *Client) attributes(ctx context.Context, queue string) (map[string]string, error) {
	url, err := c.URL(ctx, queue)
	if err != nil {
		return nil, err
	}
	out, err := c.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		err = wrap("read the settings", c.FullName(queue), err)
		if errors.Is(err, ErrQueueMissing) {
			c.forget(queue)
		}
		return nil, err
	}
	if out.Attributes[attrARN] == "" {
		return nil, wrap("read the settings", c.FullName(queue), ErrNotSQS)
	}
	return out.Attributes, nil
}

// redrivePolicy is a queue's RedrivePolicy attribute. SQS takes maxReceiveCount as a number or as a string, and returns
// it as it was given.
type redrivePolicy struct {
	DeadLetterTargetARN string  `json:"deadLetterTargetArn"`
	MaxReceiveCount     flexInt `json:"maxReceiveCount"`
}

func (p redrivePolicy) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		return "" // two plain fields can't fail
	}
	return string(text)
}

func parseRedrivePolicy(text string) (p redrivePolicy, ok bool) {
	return p, json.Unmarshal([]byte(text), &p) == nil
}

// MaxReceives is the maxReceiveCount of the redrive policy among a queue's attributes, or 0 where it has none.
func MaxReceives(attributes map[string]string) int {
	policy, ok := parseRedrivePolicy(attributes[attrRedrive])
	if !ok {
		return 0
	}
	return int(policy.MaxReceiveCount)
}

type flexInt int

func (n *flexInt) UnmarshalJSON(text []byte) error {
	v, err := strconv.Atoi(string(slices.DeleteFunc(slices.Clone(text), func(b byte) bool { return b == '"' })))
	*n = flexInt(v)
	return err
}

func sameAttribute(name, have, want string) bool {
	if name != attrRedrive {
		return have == want
	}
	h, ok := parseRedrivePolicy(have)
	w, _ := parseRedrivePolicy(want)
	return ok && h == w
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
