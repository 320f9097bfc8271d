package schedule

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/emulator/internal/jsontext"
)

// The operations that a target can be.
const (
	SendMessage      = "SendMessage"
	SendMessageBatch = "SendMessageBatch"
)

const (
	universalPrefix = "arn:aws:scheduler:::aws-sdk:"
	queuePrefix     = "arn:aws:sqs:"
)

// The same in all partitions: aws, aws-cn, aws-us-gov.
var (
	universalARN = regexp.MustCompile(`^arn:aws(-[a-z]+)*:scheduler:::aws-sdk:`)
	queueARN     = regexp.MustCompile(`^arn:aws(-[a-z]+)*:sqs:[^:]*:[^:]*:[^:]*$`)
)

// Request is what a firing sends: an SQS operation and its input as JSON.
type Request struct {
	Operation string
	// QueueARN is the queue of a templated target; a universal target has its queue in the body.
	QueueARN string
	Body     []byte
}

// Attempt is one attempt of a firing.
type Attempt struct {
	ScheduleARN string
	Account     string
	Region      string
	// Execution is unique to the attempt.
	Execution string
	// Number is 1 for the first attempt.
	Number    int
	Scheduled time.Time
}

// expand replaces the context attributes; user guide, "Adding context attributes".
func (a *Attempt) expand(input string) string {
	return strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", a.ScheduleARN,
		"<aws.scheduler.scheduled-time>", a.Scheduled.UTC().Format(time.RFC3339),
		"<aws.scheduler.execution-id>", a.Execution,
		"<aws.scheduler.attempt-number>", strconv.Itoa(a.Number),
	).Replace(input)
}

// NewRequest builds what an attempt sends. queueURL gives the URL of a queue by its ARN.
func NewRequest(target *types.Target, a *Attempt, queueURL func(arn string) string) (Request, error) {
	arn := aws.ToString(target.Arn)
	if operation, ok := universal(arn); ok {
		return Request{Operation: operation, Body: []byte(a.expand(aws.ToString(target.Input)))}, nil
	}
	message := map[string]string{"QueueUrl": queueURL(arn), "MessageBody": a.defaultInput()}
	if target.Input != nil {
		message["MessageBody"] = a.expand(*target.Input)
	}
	if p := target.SqsParameters; p != nil && p.MessageGroupId != nil {
		message["MessageGroupId"] = *p.MessageGroupId
	}
	body, err := json.Marshal(message)
	return Request{Operation: SendMessage, QueueARN: arn, Body: body}, err
}

// defaultInput is the event that a templated target gets when the schedule has no Input.
func (a *Attempt) defaultInput() string {
	text, _ := json.Marshal(struct {
		Version    string   `json:"version"`
		ID         string   `json:"id"`
		DetailType string   `json:"detail-type"`
		Source     string   `json:"source"`
		Account    string   `json:"account"`
		Time       string   `json:"time"`
		Region     string   `json:"region"`
		Resources  []string `json:"resources"`
		Detail     string   `json:"detail"`
	}{
		"0", a.Execution, "Scheduled Event", "aws.scheduler", a.Account, a.Scheduled.UTC().Format(time.RFC3339), a.Region,
		[]string{a.ScheduleARN}, "{}",
	})
	return string(text)
}

// universal gives the operation of a universal target of SQS.
func universal(arn string) (operation string, ok bool) {
	switch universalARN.ReplaceAllString(arn, "") {
	case "sqs:sendMessage":
		return SendMessage, true
	case "sqs:sendMessageBatch":
		return SendMessageBatch, true
	}
	return "", false
}

// required are the members that an operation's input must have.
func required(operation string) []string {
	if operation == SendMessage {
		return []string{"QueueUrl", "MessageBody"}
	}
	return []string{"QueueUrl", "Entries"}
}

// checkTarget holds a target to those that the emulator can reach, and a universal target's input to the members that
// its operation needs.
func checkTarget(target *types.Target) error {
	arn := aws.ToString(target.Arn)
	operation, ok := universal(arn)
	if !ok {
		if queueARN.MatchString(arn) {
			return nil
		}
		return invalid("Provided Arn is not in correct format. The emulator fires at queues (%sREGION:ACCOUNT:NAME) and at "+
			"%ssqs:sendMessage and %ssqs:sendMessageBatch, not at %s.", queuePrefix, universalPrefix, universalPrefix, arn)
	}
	sample := Attempt{Number: 1}
	input := []byte(sample.expand(aws.ToString(target.Input)))
	if err := jsontext.Check(input); err != nil {
		return invalid("Invalid RequestJson provided. Reason The Input can't be read: %v.", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(input, &members); err != nil || members == nil {
		return invalid("Invalid RequestJson provided. Reason The Input of a universal target must be the request of %s as a "+
			"JSON object.", operation)
	}
	missing := slices.DeleteFunc(required(operation), func(name string) bool { return members[name] != nil })
	if len(missing) > 0 {
		return invalid("Invalid RequestJson provided. Reason Request payload is missing the following field(s): %s. It has %s.",
			strings.Join(missing, ", "), strings.Join(slices.Sorted(maps.Keys(members)), ", "))
	}
	return nil
}
