"""One transaction's view of everything the store remembers."""

from __future__ import annotations

from splynx_stripe.store.account_rows import AccountRows
from splynx_stripe.store.attempt_rows import AttemptRows
from splynx_stripe.store.audit_rows import AuditRows
from splynx_stripe.store.case_rows import CaseRows
from splynx_stripe.store.charge_item_rows import ChargeItemRows
from splynx_stripe.store.charge_item_views import ChargeItemViewRows
from splynx_stripe.store.charge_rule_rows import ChargeRuleRows
from splynx_stripe.store.charge_run_rows import ChargeRunRows
from splynx_stripe.store.collection_rows import CollectionRows
from splynx_stripe.store.connection_rows import ConnectionRows
from splynx_stripe.store.credential_rows import CredentialRows
from splynx_stripe.store.customer_sync_rows import CustomerSyncRows
from splynx_stripe.store.effect_rows import EffectRows
from splynx_stripe.store.inbox_rows import InboxRows
from splynx_stripe.store.installation_rows import InstallationRows
from splynx_stripe.store.late_return_rows import LateReturnRows
from splynx_stripe.store.lease_rows import LeaseRows
from splynx_stripe.store.link_rows import LinkRows
from splynx_stripe.store.mirror_rows import MirrorRows
from splynx_stripe.store.notice_rows import NoticeRows
from splynx_stripe.store.operation_rows import OperationRows
from splynx_stripe.store.page_setting_rows import PageSettingRows
from splynx_stripe.store.recovery_rows import RecoveryRows
from splynx_stripe.store.sealed_columns import SealedRows
from splynx_stripe.store.setup_rows import SetupRows


class SqlUnit(
    CollectionRows,
    AttemptRows,
    EffectRows,
    InboxRows,
    CaseRows,
    AuditRows,
    AccountRows,
    InstallationRows,
    LeaseRows,
    PageSettingRows,
    SealedRows,
    LinkRows,
    OperationRows,
    SetupRows,
    CredentialRows,
    MirrorRows,
    ConnectionRows,
    LateReturnRows,
    CustomerSyncRows,
    ChargeRuleRows,
    ChargeRunRows,
    ChargeItemRows,
    ChargeItemViewRows,
    RecoveryRows,
    NoticeRows,
):
    """Implements `flows.ports.Unit`; what each method promises is written there.

    It lives as long as its transaction and belongs to the store's thread: do not keep it.
    """
