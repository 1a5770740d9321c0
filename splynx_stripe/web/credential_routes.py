"""The addresses of saved cards and bank accounts."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.admin import credentials as office, credentials_link
from splynx_stripe.web.customer import (
    credentials as customer,
    credentials_add as adding,
    credentials_by_link as by_link,
)


def add_credential_routes(router: web.UrlDispatcher, base: str) -> None:
    """Adds the pages of the customer and those of the office."""
    here = f"{base}/credentials"
    router.add_get(here, customer.credentials_page, name="credentials")
    router.add_get(f"{here}/add", adding.credential_form_page, name="credentials-add")
    router.add_post(f"{here}/start", adding.start_credential, name="credentials-start")
    router.add_get(f"{here}/result", adding.credential_result_page, name="credentials-result")
    router.add_post(f"{here}/prove/{{setup}}", customer.prove_credential, name="credentials-prove")
    router.add_post(
        f"{here}/{{credential}}/move", customer.move_credential, name="credentials-move"
    )
    router.add_get(
        f"{here}/{{credential}}/remove",
        customer.credential_removal_page,
        name="credentials-removal",
    )
    router.add_post(
        f"{here}/{{credential}}/remove", customer.remove_credential, name="credentials-remove"
    )
    _add_link_routes(router, f"{base}/pay/{{token}}")
    _add_office_routes(
        router,
        f"{base}/admin/customers/{{customer}}/credentials",
        find=f"{base}/admin/credentials",
    )


def _add_link_routes(router: web.UrlDispatcher, here: str) -> None:
    name = "link-credential"
    router.add_post(f"{here}/start", by_link.start_saving_by_link, name=f"{name}-start")
    router.add_get(f"{here}/result", by_link.result_of_saving_by_link, name=f"{name}-result")
    router.add_post(f"{here}/prove/{{setup}}", by_link.prove_by_link, name=f"{name}-prove")


def _add_office_routes(router: web.UrlDispatcher, here: str, *, find: str) -> None:
    name = "admin-credentials"
    router.add_get(find, office.find_customer_page, name=f"{name}-find")
    router.add_get(here, office.customer_credentials_page, name=name)
    router.add_post(f"{here}/link", credentials_link.make_saving_link, name=f"{name}-link")
    router.add_get(f"{here}/add", office.customer_credential_form_page, name=f"{name}-add")
    router.add_post(f"{here}/start", office.start_customer_credential, name=f"{name}-start")
    router.add_get(f"{here}/result", office.customer_credential_result_page, name=f"{name}-result")
    router.add_post(
        f"{here}/prove/{{setup}}", office.prove_customer_credential, name=f"{name}-prove"
    )
    router.add_post(
        f"{here}/{{credential}}/move", office.move_customer_credential, name=f"{name}-move"
    )
    router.add_get(
        f"{here}/{{credential}}/remove",
        office.customer_credential_removal_page,
        name=f"{name}-removal",
    )
    router.add_post(
        f"{here}/{{credential}}/remove", office.remove_customer_credential, name=f"{name}-remove"
    )
