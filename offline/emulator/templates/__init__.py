"""CloudFormation resource types that ministack lacks, or handles otherwise than AWS."""
