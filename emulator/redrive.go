package emulator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// redrivePolicy says where a message goes that was received too often.
type redrivePolicy struct {
	target string // ARN
	max    int    // maxReceiveCount, 1-1000
}

// redriveAllowPolicy says which queues may use this one as their dead-letter queue.
type redriveAllowPolicy struct {
	permission string
	sources    []string // ARNs, for byQueue
}

func faultRedrive(value, reason string) error { return faultValue(value, "RedrivePolicy", reason) }

func parseRedrive(value string) (*redrivePolicy, error) {
	var doc struct {
		Target *string         `json:"deadLetterTargetArn"`
		Max    json.RawMessage `json:"maxReceiveCount"`
	}
	if !isJSONObject(value) || json.Unmarshal([]byte(value), &doc) != nil {
		return nil, faultRedrive(value, "Redrive policy is not a valid JSON map.")
	}
	if doc.Target == nil {
		return nil, faultRedrive(value, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	if len(doc.Max) == 0 {
		return nil, faultRedrive(value, "Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	if parts := strings.Split(*doc.Target, ":"); len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" {
		return nil, faultRedrive(value, "Invalid value for deadLetterTargetArn.")
	}
	text := string(bytes.Trim(doc.Max, `"`))
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxReceiveCountLimit {
		return nil, faultRedrive(value, "Invalid value for maxReceiveCount: "+text+
			", valid values are from 1 to 1000 both inclusive.")
	}
	return &redrivePolicy{target: *doc.Target, max: n}, nil
}

// checkRedrive checks a redrive policy that is being set, among others, against the queue it points to, which may be the queue
// itself; e.mu is held.
func (e *Emulator) checkRedrive(at inRegion, value string, s settings) error {
	allow, queueARN := s.allow, e.arn(at)
	if s.redrive.target != queueARN {
		dead := e.byARN(s.redrive.target)
		if dead == nil || dead.region != at.region {
			return faultRedrive(value, "Dead letter target does not exist.")
		}
		allow = dead.settings.allow
	}
	if allow != nil && !allow.allows(queueARN) {
		return faultRedrive(value, "Dead letter target does not allow this queue in its RedriveAllowPolicy.")
	}
	return nil
}

func parseRedriveAllow(value string) (*redriveAllowPolicy, error) {
	invalid := func(reason string) error { return faultValue(value, "RedriveAllowPolicy", reason) }
	var doc struct {
		Permission string   `json:"redrivePermission"`
		Sources    []string `json:"sourceQueueArns"`
	}
	if !isJSONObject(value) || json.Unmarshal([]byte(value), &doc) != nil {
		return nil, invalid("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
	}
	switch doc.Permission {
	case "allowAll", "denyAll":
		if len(doc.Sources) > 0 {
			return nil, invalid("sourceQueueArns may only be given with redrivePermission byQueue.")
		}
	case "byQueue":
		if len(doc.Sources) < 1 || len(doc.Sources) > 10 {
			return nil, invalid("redrivePermission byQueue takes 1 to 10 sourceQueueArns.")
		}
	default:
		return nil, invalid("redrivePermission must be allowAll, denyAll or byQueue.")
	}
	return &redriveAllowPolicy{permission: doc.Permission, sources: doc.Sources}, nil
}

func (p *redriveAllowPolicy) allows(arn string) bool {
	switch p.permission {
	case "denyAll":
		return false
	case "byQueue":
		return slices.Contains(p.sources, arn)
	}
	return true
}

// redriveTarget is the queue that a queue's redrive policy names, which is one of the same region, or nil.
func (e *Emulator) redriveTarget(q *queue) *queue {
	if q.settings.redrive == nil {
		return nil
	}
	if target := e.byARN(q.settings.redrive.target); target != nil && target.region == q.region {
		return target
	}
	return nil
}

// deadLetterQueue is where a message goes that was received as often as the redrive policy lets it, or nil: there is no other
// place to go from a queue that is its own dead-letter queue.
func (e *Emulator) deadLetterQueue(q *queue) *queue {
	if target := e.redriveTarget(q); target != q {
		return target
	}
	return nil
}
