"""What AWS calls things: services by code and by name on bills, and Bedrock models by their ids."""

from __future__ import annotations

from typing import NamedTuple

BEDROCK = "AmazonBedrock"
#: Bedrock models that AWS Marketplace bills.
MARKETPLACE = "AmazonBedrockFoundationModels"
CLOUDWATCH = "AmazonCloudWatch"
COST_EXPLORER = "AWSCostExplorer"
DYNAMODB = "AmazonDynamoDB"
EC2 = "AmazonEC2"
GROUND_TRUTH = "SageMakerGroundTruth"
KMS = "awskms"
LAMBDA = "AWSLambda"
OPENSEARCH = "AmazonES"
RDS = "AmazonRDS"
S3 = "AmazonS3"
S3_VECTORS = "AmazonS3Vectors"
SAGEMAKER = "AmazonSageMaker"
SECRETS = "AWSSecretsManager"
STEP_FUNCTIONS = "AmazonStates"
VPC = "AmazonVPC"


class ServiceNames(NamedTuple):
    """The name of a service in reports, and in Cost Explorer and exports; None: its code stands for it."""

    report: str | None = None
    bill: str | None = None


SERVICES: dict[str, ServiceNames] = {
    BEDROCK: ServiceNames("Amazon Bedrock", "Amazon Bedrock"),
    # On a bill each model of the Marketplace is a service of its own.
    MARKETPLACE: ServiceNames("Amazon Bedrock (Marketplace models)"),
    OPENSEARCH: ServiceNames("Amazon OpenSearch Service", "Amazon OpenSearch Service"),
    SAGEMAKER: ServiceNames("Amazon SageMaker", "Amazon SageMaker"),
    LAMBDA: ServiceNames("AWS Lambda", "AWS Lambda"),
    STEP_FUNCTIONS: ServiceNames("AWS Step Functions", "AWS Step Functions"),
    S3: ServiceNames("Amazon S3", "Amazon Simple Storage Service"),
    S3_VECTORS: ServiceNames("Amazon S3 Vectors"),
    DYNAMODB: ServiceNames("Amazon DynamoDB", "Amazon DynamoDB"),
    CLOUDWATCH: ServiceNames("Amazon CloudWatch", "AmazonCloudWatch"),
    COST_EXPLORER: ServiceNames("AWS Cost Explorer", "AWS Cost Explorer"),
    RDS: ServiceNames("Amazon Aurora", "Amazon Relational Database Service"),
    "AmazonECR": ServiceNames("Amazon ECR", "Amazon EC2 Container Registry (ECR)"),
    SECRETS: ServiceNames("AWS Secrets Manager", "AWS Secrets Manager"),
    KMS: ServiceNames("AWS KMS", "AWS Key Management Service"),
    "AmazonSNS": ServiceNames(bill="Amazon Simple Notification Service"),
    "AWSQueueService": ServiceNames(bill="Amazon Simple Queue Service"),
}
_CODES = {names.bill: code for code, names in SERVICES.items() if names.bill is not None}


def report_name(service_code: str) -> str:
    """Return the name of a service in reports; its code where it has none."""
    return SERVICES.get(service_code, ServiceNames()).report or service_code


def bill_name(service_code: str) -> str:
    """Return the name of a service in Cost Explorer and exports; its code where it has none."""
    return SERVICES.get(service_code, ServiceNames()).bill or service_code


def code_of_bill_name(name: str) -> str | None:
    """Return the code of a service by its name on a bill; None where the name is not known."""
    return _CODES.get(name)


#: Prefixes of Bedrock's cross-region inference profiles.
GEOGRAPHIES = ("us", "us-gov", "eu", "apac", "jp", "au", "ca", "global")


def plain_model_id(model: str) -> str:
    """Return the id at the end of an ARN; an id as it is."""
    return model.rpartition("/")[2] if model.startswith("arn:") else model


def split_model_id(model_id: str) -> tuple[str, str]:
    """Split `us.amazon.nova-micro-v1:0` into (`us`, `amazon.nova-micro-v1:0`); without a geography the first is empty.

    The ARN of a foundation model or of a system's inference profile ends in such an id.
    """
    plain = plain_model_id(model_id)
    geography, _, model = plain.partition(".")
    return (geography, model) if geography in GEOGRAPHIES else ("", plain)
