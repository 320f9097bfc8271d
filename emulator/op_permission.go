package emulator

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// policy is the part of a queue's Policy that AddPermission and RemovePermission write. It is stored, not enforced.
type policy struct {
	Version    string            `json:"Version"`
	ID         string            `json:"Id"`
	Statements []json.RawMessage `json:"Statement"`
}

type statement struct {
	Sid       string         `json:"Sid"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal"`
	Action    any            `json:"Action"`
	Resource  string         `json:"Resource"`
}

// index finds the statement with a label, or -1.
func (p *policy) index(label string) int {
	for i, raw := range p.Statements {
		var s statement
		if json.Unmarshal(raw, &s) == nil && s.Sid == label {
			return i
		}
	}
	return -1
}

func (s *SQS) addPermission(_ context.Context, in *sqs.AddPermissionInput) (*sqs.AddPermissionOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		if err := checkPermission(in); err != nil {
			return err
		}
		label := aws.ToString(in.Label)
		p := policy{Version: "2008-10-17", ID: q.arn + "/SQSDefaultPolicy"}
		if old := q.settings.attrs["Policy"]; old != "" {
			if err := json.Unmarshal([]byte(old), &p); err != nil {
				return faultAttributeValue("Policy")
			}
		}
		if p.index(label) >= 0 {
			return faultValue(label, "Label", "Already exists.")
		}
		raw, err := json.Marshal(newStatement(q, in))
		if err != nil {
			return err
		}
		p.Statements = append(p.Statements, raw)
		return s.e.setPolicy(t, q, &p)
	})
	return &sqs.AddPermissionOutput{}, err
}

func checkPermission(in *sqs.AddPermissionInput) error {
	switch {
	case !isName(aws.ToString(in.Label)):
		return faultValue(aws.ToString(in.Label), "Label",
			"Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	case len(in.AWSAccountIds) == 0:
		return faultMissing("PrincipalId")
	case len(in.Actions) == 0:
		return faultMissing("Actions")
	}
	return nil
}

func newStatement(q *queue, in *sqs.AddPermissionInput) statement {
	principals, actions := make([]string, 0), make([]string, 0)
	for _, account := range in.AWSAccountIds {
		principals = append(principals, "arn:"+partition(q.region)+":iam::"+account+":root")
	}
	for _, action := range in.Actions {
		actions = append(actions, "SQS:"+action)
	}
	return statement{
		Sid: aws.ToString(in.Label), Effect: "Allow", Resource: q.arn,
		Principal: map[string]any{"AWS": oneOrMany(principals)}, Action: oneOrMany(actions),
	}
}

// oneOrMany writes a list of one as that one, as SQS does in policies.
func oneOrMany(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func (s *SQS) removePermission(
	_ context.Context, in *sqs.RemovePermissionInput,
) (*sqs.RemovePermissionOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		var p policy
		label := aws.ToString(in.Label)
		if json.Unmarshal([]byte(q.settings.attrs["Policy"]), &p) != nil || p.index(label) < 0 {
			return faultValue(label, "Label", "can't find label.")
		}
		i := p.index(label)
		p.Statements = append(p.Statements[:i:i], p.Statements[i+1:]...)
		return s.e.setPolicy(t, q, &p)
	})
	return &sqs.RemovePermissionOutput{}, err
}

// setPolicy stores a policy, or none once its last statement is gone.
func (e *Emulator) setPolicy(t *tx, q *queue, p *policy) error {
	if len(p.Statements) == 0 {
		return e.setAttributes(t, q, map[string]string{"Policy": ""})
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return e.setAttributes(t, q, map[string]string{"Policy": string(text)})
}
